// A small client of the Automation runs API, with types from the contract; the code under test.

import type { components, operations } from "./contract";
import { messages } from "./sse";

export type Run = components["schemas"]["Run"];
export type RunPage = components["schemas"]["RunPage"];
export type RunEvent = components["schemas"]["RunEvent"];
export type Retry = components["schemas"]["RetryRequest"];
export type Filter = NonNullable<operations["listRuns"]["parameters"]["query"]>;

export class ApiError extends Error {
  constructor(
    readonly status: number,
    reason: string,
  ) {
    super(reason);
  }
}

const FINAL = new Set(["run.completed", "run.failed", "run.cancelled"]);
const BROKEN = { done: true, value: undefined } as const;

export class RunsClient {
  constructor(
    private readonly baseUrl: string,
    private readonly token: string,
    private readonly pause = 1_000,
  ) {}

  list(filter: Filter = {}): Promise<RunPage> {
    const given = Object.entries(filter).filter(([, value]) => value != null);
    const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    return this.json(`?${query}`);
  }

  get(id: string): Promise<Run> {
    return this.json(`/${id}`);
  }

  cancel(id: string): Promise<Run> {
    return this.json(`/${id}/cancel`, { method: "POST" });
  }

  retry(id: string, what: Retry = {}): Promise<Run> {
    return this.json(`/${id}/retry`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(what),
    });
  }

  /**
   * Yield all events of the run until it ends. Resume a broken stream after the last received event,
   * after `pause` milliseconds.
   */
  async *follow(id: string): AsyncGenerator<RunEvent> {
    let last = "";
    for (;;) {
      const response = await this.fetch(`/${id}/events`, {
        headers: last ? { "Last-Event-ID": last } : {},
      });
      if (response.status === 204 || response.body === null) return;
      const arriving = messages(response.body);
      try {
        for (;;) {
          const { done, value } = await arriving.next().catch(() => BROKEN);
          if (done) break;
          last = value.id;
          const event: RunEvent = JSON.parse(value.data);
          yield event;
          if (FINAL.has(event.event)) return;
        }
      } finally {
        // Release the connection when the caller stops reading.
        await arriving.return(undefined);
      }
      await new Promise((resolve) => setTimeout(resolve, this.pause));
    }
  }

  private async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    return (await this.fetch(path, init)).json();
  }

  private async fetch(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...init.headers, Authorization: `Bearer ${this.token}` };
    const url = `${this.baseUrl}/api/v1/automation-runs${path}`;
    const response = await fetch(url, { ...init, headers });
    if (!response.ok) {
      const { detail } = await response.json();
      throw new ApiError(
        response.status,
        typeof detail === "string" ? detail : JSON.stringify(detail),
      );
    }
    return response;
  }
}
