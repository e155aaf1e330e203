// A small client of the Automation runs API, with types from the contract; the code under test. It goes
// on where a connection or a service fails for a while, and passes `runs-mock exam`.

import type { components, operations } from "./contract";
import { messages } from "./sse";

export type Run = components["schemas"]["Run"];
export type RunPage = components["schemas"]["RunPage"];
export type RunSteps = components["schemas"]["RunSteps"];
export type RunEvent = components["schemas"]["RunEvent"];
export type Retry = components["schemas"]["RetryRequest"];
export type Filter = NonNullable<operations["listRuns"]["parameters"]["query"]>;

/** An event with its id; without one, a status that was polled. */
export type Followed = RunEvent & { id?: string };

export interface Options {
  /** Return a new credential, because the present one was rejected. */
  renew?: () => Promise<string>;
  /** Milliseconds after which a response is given up. */
  timeout?: number;
  sleep?: (milliseconds: number) => Promise<void>;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    reason: string,
  ) {
    super(reason);
  }
}

const FINISHED = new Set<string>(["completed", "failed", "cancelled"]);
const TEMPORARY = new Set([500, 502, 503, 504]);
const WITHOUT_STREAM = new Set([404, 405, 406, 501]);
const ATTEMPTS = 6;
const PAGE = 100;
const RECONNECT = 1_000;
const POLL = 1_000;
const BROKEN = { done: true, value: "broken" } as const;

export class RunsClient {
  private readonly options: Required<Omit<Options, "renew">> & Options;

  constructor(
    private readonly baseUrl: string,
    private token: string,
    options: Options = {},
  ) {
    const sleep = (time: number) => new Promise<void>((resolve) => setTimeout(resolve, time));
    this.options = { timeout: 30_000, sleep, ...options };
  }

  list(filter: Filter = {}): Promise<RunPage> {
    const given = Object.entries(filter).filter(([, value]) => value != null);
    const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    return this.read(`?${query}`);
  }

  /** Return all runs, each once: a run that is created meanwhile shifts the pages. */
  async all(): Promise<Run[]> {
    const found = new Map<string, Run>();
    for (let offset = 0; ; offset += PAGE) {
      const { items } = await this.list({ limit: PAGE, offset });
      for (const run of items) found.set(run.id, run);
      if (items.length < PAGE) return [...found.values()];
    }
  }

  get(id: string): Promise<Run> {
    return this.read(`/${id}`);
  }

  steps(id: string): Promise<RunSteps> {
    return this.read(`/${id}/steps`);
  }

  cancel(id: string): Promise<Run> {
    return this.write(id, `/${id}/cancel`, { method: "POST" });
  }

  retry(id: string, what: Retry = {}): Promise<Run> {
    return this.write(id, `/${id}/retry`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(what),
    });
  }

  /**
   * Yield all events of the run until it ends. Resume a broken stream after the last received event;
   * without a stream, poll.
   */
  async *follow(id: string): AsyncGenerator<Followed> {
    let last = "";
    for (let failures = 0; failures < ATTEMPTS; failures += 1) {
      const headers: Record<string, string> = last ? { "Last-Event-ID": last } : {};
      const response = await this.send(`/${id}/events`, { headers });
      if (WITHOUT_STREAM.has(response.status)) {
        await response.body?.cancel();
        yield* this.poll(id);
        return;
      }
      if (!response.ok) throw new ApiError(response.status, reason(response, await response.text()));
      if (response.status === 204 || response.body === null) return;
      const arriving = messages(response.body);
      let finished = false;
      try {
        for (;;) {
          const { done, value } = await arriving.next().catch(() => BROKEN);
          if (value === "broken") break;
          if (done && finished) return;
          if (done) break;
          last = value.id;
          failures = 0;
          const event: RunEvent = JSON.parse(value.data);
          yield { ...event, id: last };
          // A retried run goes on after the end of an earlier attempt.
          finished = FINISHED.has(event.data.run.status);
        }
      } finally {
        // Release the connection when the caller stops reading.
        await arriving.return(undefined);
      }
      await this.options.sleep(Math.max(RECONNECT, backoff(failures)));
    }
    throw new ApiError(0, "The event stream breaks off again and again");
  }

  private async *poll(id: string): AsyncGenerator<Followed> {
    for (let before = ""; ; await this.options.sleep(POLL)) {
      const run = await this.get(id);
      if (run.status !== before) yield { event: `run.${run.status}` as RunEvent["event"], data: { run } };
      if (FINISHED.has(run.status)) return;
      before = run.status;
    }
  }

  /** Return the JSON of a response; read again if it breaks off. */
  private async read<T>(path: string): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.json(path, {});
      } catch (error) {
        if (error instanceof ApiError || attempt + 1 === ATTEMPTS) throw error;
        await this.options.sleep(backoff(attempt));
      }
    }
  }

  /** Return the run after an action. Without a complete response, read the run: the action may have
   * had its effect, so it is not sent again. */
  private async write(id: string, path: string, init: RequestInit): Promise<Run> {
    try {
      return await this.json(path, init);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      return this.get(id);
    }
  }

  private async json<T>(path: string, init: RequestInit): Promise<T> {
    const response = await this.send(path, init, this.options.timeout);
    const text = await response.text();
    if (!response.ok) throw new ApiError(response.status, reason(response, text));
    return JSON.parse(text);
  }

  /** Send a request; send it again where that is safe and of use. */
  private async send(path: string, init: RequestInit, timeout?: number): Promise<Response> {
    const url = `${this.baseUrl}/api/v1/automation-runs${path}`;
    let renewed = false;
    for (let attempt = 0; ; ) {
      const headers = { ...init.headers, Authorization: `Bearer ${this.token}` };
      const signal = timeout === undefined ? null : AbortSignal.timeout(timeout);
      const response = await fetch(url, { ...init, headers, signal });
      const { status } = response;
      const reads = (init.method ?? "GET") === "GET";
      if (status === 401 && this.options.renew && !renewed) {
        renewed = true;
        this.token = await this.options.renew();
      } else if ((status === 429 || (reads && TEMPORARY.has(status))) && attempt + 1 < ATTEMPTS) {
        await this.options.sleep(Math.max(retryAfter(response), backoff(attempt)));
        attempt += 1;
      } else {
        return response;
      }
      await response.body?.cancel();
    }
  }
}

/** Return what an error response says, of whatever kind its body is. */
function reason(response: Response, text: string): string {
  try {
    const { detail, title } = JSON.parse(text);
    const said = detail ?? title;
    return typeof said === "string" ? said : JSON.stringify(said);
  } catch {
    return response.statusText;
  }
}

/** Return milliseconds: twice as many after each failure, and another number for each client. */
function backoff(failures: number): number {
  return Math.min(500 * 2 ** failures, 30_000) * (0.5 + Math.random() / 2);
}

/** Return the milliseconds that the service asks for; 0 where it names none, or a date. */
function retryAfter(response: Response): number {
  const seconds = Number(response.headers.get("Retry-After") ?? "");
  return Number.isFinite(seconds) ? seconds * 1_000 : 0;
}
