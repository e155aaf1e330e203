import { expect } from "vitest";
import { type RunEvent, RunsClient } from "../src/runs";
import { test } from "./fixtures";

async function take(events: AsyncGenerator<RunEvent>, count: number): Promise<string[]> {
  const names: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const { done, value } = await events.next();
    if (done) throw new Error(`the stream ended behind ${names.join(", ")}`);
    names.push(value.event);
  }
  return names;
}

test("a run is followed while time moves on", async ({ runs, world }) => {
  const id = await world.create("quick-success");
  const events = runs.follow(id);
  expect(await take(events, 1)).toEqual(["run.created"]);
  await world.advance(1);
  expect(await take(events, 2)).toEqual(["run.started", "step.started"]);
  await world.advance(60);
  expect(await take(events, 6)).toContain("run.completed");
  expect((await events.next()).done).toBe(true);
});

test("a failed run shows the failed step", async ({ runs, world }) => {
  const id = await world.create("failure-in-the-middle");
  await world.advance(60);
  const failed: string[] = [];
  for await (const { event, data } of runs.follow(id)) {
    if (event === "step.failed" && data.step) failed.push(data.step.key);
  }
  expect(failed).toEqual(["load"]);
});

test("a client that stops listening closes the stream", async ({ runs, world }) => {
  const events = runs.follow(await world.create("hang"));
  await take(events, 1);
  await events.return(undefined);
  expect((await events.next()).done).toBe(true);
});

test("a stream that breaks off is resumed where it stopped", async ({ world }) => {
  const id = await world.create("quick-success");
  await world.advance(60);
  const runs = new RunsClient(world.baseUrl, world.key, { sleep: async () => {} });
  const undisturbed = await take(runs.follow(id), 9);
  await world.control("faults", { cut: { after: 3 }, count: 1 });
  expect(await take(runs.follow(id), 9)).toEqual(undisturbed);
  await world.control("faults", { halfFrame: { after: 5 }, count: 1 });
  expect(await take(runs.follow(id), 9)).toEqual(undisturbed);
});
