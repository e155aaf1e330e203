// The exam of a client, over the mock's control API: put a client into a situation, report what it
// shows, and get the verdict. docs/exam.md describes items and reports.

import type { World } from "./world";

export type Task = "follow" | "show" | "list" | "cancel" | "retry";

/** What the client shows. */
export type Report =
  | { shown: "event"; id?: string; event: string; name?: string }
  | { shown: "run"; id?: string; status: string }
  | { shown: "runs"; ids: string[] }
  | { shown: "error"; status?: number; message: string };

interface Verdict {
  outcome: "passed" | "failed" | "not judged";
  reason: string;
  contract: string | null;
}

/** Return the ids of all items. */
export async function items(baseUrl: string): Promise<string[]> {
  const token = process.env["RUNS_MOCK_CONTROL_TOKEN"];
  const headers: Record<string, string> = token ? { "X-Mock-Token": token } : {};
  const response = await fetch(`${baseUrl}/_mock/exam/items`, { headers });
  const found = (await response.json()) as { items: { id: string }[] };
  return found.items.map((item) => item.id);
}

export class Sitting {
  private constructor(
    private readonly world: World,
    readonly item: string,
    readonly task: Task,
    readonly token: string,
    readonly runId: string,
  ) {}

  /** Replace the world by the situation of an item. */
  static async start(world: World, item: string): Promise<Sitting> {
    const given = await world.control<{ task: Task; token: string; runId: string | null }>(
      "exam/sittings",
      { item },
    );
    return new Sitting(world, item, given.task, given.token, given.runId ?? "");
  }

  /** Report what the client shows. */
  async report(...reports: Report[]): Promise<void> {
    if (reports.length > 0) await this.world.control("exam/reports", { reports });
  }

  /** Return a new credential, for a client whose credential was rejected. */
  async renew(): Promise<string> {
    return (await this.world.control<{ token: string }>("exam/credential")).token;
  }

  /** Finish the sitting. Throw an error if the client fails; return why it was not judged, if so. */
  async judge(): Promise<string | null> {
    const verdict = await this.world.control<Verdict>("exam/verdict", { reporting: true });
    if (verdict.outcome === "failed") throw new Error(`${this.item}: ${verdict.reason}`);
    if (verdict.contract !== null) throw new Error(`${this.item}: ${verdict.contract}`);
    return verdict.outcome === "passed" ? null : verdict.reason;
  }
}
