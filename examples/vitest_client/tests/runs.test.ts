import { describe } from "vitest";
import { ApiError } from "../src/runs";
import { test } from "./fixtures";

describe.concurrent("a client of the runs", () => {
  test("sees a run at every stage", async ({ runs, world, expect }) => {
    const id = await world.create("quick-success");
    expect((await runs.get(id)).status).toBe("pending");
    await world.advance(1.5);
    expect((await runs.get(id)).status).toBe("running");
    await world.advance(10);
    expect(await runs.get(id)).toMatchObject({ status: "completed", durationSeconds: 3 });
  });

  test("lists by status, a page at a time", async ({ runs, world, expect }) => {
    await world.create("quick-success");
    await world.advance(60);
    const second = await world.create("quick-success");
    const page = await runs.list({ limit: 1 });
    expect(page.total).toBe(2);
    expect(page.items.map((run) => run.id)).toEqual([second]);
    expect((await runs.list({ status: "completed" })).total).toBe(1);
  });

  test("cancels a run, once", async ({ runs, world, expect }) => {
    const id = await world.create("long-haul");
    await world.advance(10);
    expect((await runs.cancel(id)).status).toBe("cancelled");
    const again = runs.cancel(id);
    await expect(again).rejects.toThrow(ApiError);
    await expect(again).rejects.toMatchObject({ status: 409 });
  });

  test("retries what failed", async ({ runs, world, expect }) => {
    const id = await world.create("flaky");
    await world.advance(60);
    expect((await runs.get(id)).error).not.toBeNull();
    expect((await runs.retry(id)).status).toBe("pending");
    await world.advance(60);
    expect((await runs.get(id)).status).toBe("completed");
  });

  test("retries once", async ({ runs, world, expect }) => {
    const id = await world.create("flaky");
    await world.advance(60);
    await runs.retry(id);
    await world.verify([{ operation: "retryRun", exactBody: {}, count: 1 }]);
    await runs.get(id);
    await world.verify([{ operation: "retryRun" }, { operation: "getRun" }], { inOrder: true });
    await expect(world.verify([{ operation: "cancelRun" }])).rejects.toThrow(/cancelRun.*nearest: request/);
  });

  test("reports an overload until it is over", async ({ runs, world, expect }) => {
    await world.control("faults", { status: { code: 503 } });
    await expect(runs.list()).rejects.toMatchObject({ status: 503 });
    await world.control("faults", {}, "DELETE");
    expect((await runs.list()).total).toBe(0);
    const query = { operation: "listRuns", status: 503 };
    expect(await world.control("requests/count", query, "GET")).toMatchObject({ total: 6 });
  });

  test("reports the message of a validation error", async ({ runs, expect }) => {
    await expect(runs.list({ limit: 1001 })).rejects.toThrow(/less than or equal to 1000/);
  });
});
