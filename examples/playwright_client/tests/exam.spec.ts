// The page in the exam: every item is a test in a browser, and the waits take their time.

import { execFileSync } from "node:child_process";
import { expect, type Page } from "@playwright/test";
import { type Report, Sitting } from "./exam";
import { test } from "./fixtures";

const ITEMS = execFileSync("runs-mock", ["exam", "--list"], { encoding: "utf8" })
  .split("\n")
  .flatMap((line) => line.split(" ", 1))
  .filter(Boolean);

/** Return what the page shows of the run that it has followed. */
async function followed(page: Page): Promise<Report[]> {
  const status = page.getByRole("status");
  await expect(status).toHaveText(/finished|again|^[0-9]{3}: /, { timeout: 60_000 });
  const events = await page.locator("#events li").evaluateAll((lines) =>
    lines.map((line) => ({ ...(line as HTMLElement).dataset })),
  );
  const reports = events.map(({ id, event = "", name }): Report => {
    if (!id) return { shown: "run", status: event.replace("run.", "") };
    return { shown: "event", id, event, ...(name ? { name } : {}) };
  });
  const code = await status.getAttribute("data-error");
  if (code === null) return reports;
  return [...reports, { shown: "error", status: Number(code), message: await status.innerText() }];
}

/** Call the page's own client, and return what it would show. */
async function called(page: Page, task: string, id: string): Promise<Report[]> {
  await page.goto(`${process.env["PAGE_URL"]}/sse.js`); // A page that sends no request.
  return page.evaluate(
    async ([base, name, runId]) => {
      const { RunsApi } = await import(`${location.origin}/runs_api.js`);
      const api = new RunsApi(base, { timeout: 5_000 });
      try {
        if (name === "show") await api.steps(runId);
        const run = await api[name === "show" ? "get" : name](runId);
        return [{ shown: "run", id: run.id, status: run.status }];
      } catch (error) {
        const { status, message } = error as { status?: number; message: string };
        return [{ shown: "error", ...(status ? { status } : {}), message }];
      }
    },
    [process.env["MOCK_URL"] ?? "", task, id] as const,
  ) as Promise<Report[]>;
}

for (const item of ITEMS) {
  test(item, async ({ page, world, openPage }) => {
    const sitting = await Sitting.start(world, item);
    if (sitting.task === "follow") {
      const login = `${world.baseUrl}/_mock/exam/credential?world=${world.key}`;
      await openPage({ run: sitting.runId, login });
      await sitting.report(...(await followed(page)));
    } else if (sitting.task === "list") {
      await openPage();
      const runs = page.locator("#runs li");
      await expect(runs).not.toHaveCount(0);
      const ids = await runs.evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset["id"]));
      await sitting.report({ shown: "runs", ids: ids.map(String) });
    } else {
      await sitting.report(...(await called(page, sitting.task, sitting.runId)));
    }
    expect(await sitting.judge()).toBeNull();
  });
}
