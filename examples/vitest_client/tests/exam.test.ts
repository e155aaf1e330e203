// The client in the exam: every item is a test, and the waits take their time.

import { describe, inject } from "vitest";
import { ApiError, type Followed, RunsClient } from "../src/runs";
import { items, type Report, Sitting } from "./exam";
import { test } from "./fixtures";

/** Do the task, and report what a person would see. */
async function sit(sitting: Sitting, runs: RunsClient): Promise<void> {
  try {
    if (sitting.task === "follow") {
      for await (const event of runs.follow(sitting.runId)) await sitting.report(shown(event));
    } else if (sitting.task === "list") {
      await sitting.report({ shown: "runs", ids: (await runs.all()).map((run) => run.id) });
    } else {
      if (sitting.task === "show") await runs.steps(sitting.runId);
      const act = { show: "get", cancel: "cancel", retry: "retry" } as const;
      const { id, status } = await runs[act[sitting.task]](sitting.runId);
      await sitting.report({ shown: "run", id, status });
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    await sitting.report({ shown: "error", status: error.status, message: error.message });
  }
}

function shown({ id, event, data }: Followed): Report {
  if (id === undefined) return { shown: "run", id: data.run.id, status: data.run.status };
  return { shown: "event", id, event, ...(data.step ? { name: data.step.name } : {}) };
}

describe.concurrent("exam", async () => {
  for (const item of await items(inject("mockUrl"))) {
    test(item, { timeout: 120_000 }, async ({ world, expect }) => {
      const sitting = await Sitting.start(world, item);
      const renew = () => sitting.renew();
      await sit(sitting, new RunsClient(world.baseUrl, sitting.token, { renew, timeout: 5_000 }));
      expect(await sitting.judge()).toBeNull();
    });
  }
});
