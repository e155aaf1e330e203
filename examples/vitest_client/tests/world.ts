// One world of the mock, over its control API: create runs and control the clock.

export interface Start {
  now?: string;
  seed?: number;
  scale?: number;
  start?: string;
  runs?: number;
  live?: number;
}

type Text = string | number | boolean | { contains?: string; like?: string; absent?: boolean };

/** Requests that match all matchers, and how many; by default at least one. */
export interface Expectation {
  method?: string;
  path?: Text;
  operation?: string;
  status?: number | string;
  query?: Record<string, Text>;
  headers?: Record<string, Text>;
  body?: unknown;
  exactBody?: unknown;
  count?: number;
  atLeast?: number;
  atMost?: number;
}

export class World {
  private constructor(
    readonly baseUrl: string,
    readonly key: string,
  ) {}

  /** Reset the world of that name: without runs and frozen, unless `start` says otherwise. */
  static async open(baseUrl: string, key: string, start: Start = {}): Promise<World> {
    const world = new World(baseUrl, key);
    await world.control("reset", { scale: 0, start: "empty", ...start });
    return world;
  }

  /** Create a run from that scenario and return its id. `runs-mock scenarios` lists them. */
  async create(scenario: string): Promise<string> {
    return (await this.control<{ id: string }>("runs", { scenario })).id;
  }

  /** Advance the clock; return after everything due has happened. */
  async advance(seconds: number): Promise<void> {
    await this.control("clock/advance", { seconds });
  }

  /** Verify that the client has sent the expected requests, objects as in `POST /_mock/verify`:
   * `world.verify([{ operation: "retryRun", body: { mode: "full" }, count: 1 }])`. Throw an error
   * that names the nearest request if it has not. */
  async verify(
    expectations: Expectation[],
    options: { inOrder?: boolean; noOthers?: boolean } = {},
  ): Promise<void> {
    const found = await this.control<{ message: string | null }>("verify", { expectations, ...options });
    if (found.message !== null) throw new Error(found.message);
  }

  /** Send `{method} /_mock/{path}` for this world. `given` is the body of a POST or PUT, and the query
   * of any other method; return `undefined` for a response without a body. */
  async control<T>(path: string, given: object = {}, method = "POST"): Promise<T> {
    const token = process.env["RUNS_MOCK_CONTROL_TOKEN"];
    const headers = { "X-API-Key": this.key, ...(token ? { "X-Mock-Token": token } : {}) };
    const url = new URL(`${this.baseUrl}/_mock/${path}`);
    const init: RequestInit = { method, headers };
    if (method === "POST" || method === "PUT") {
      init.headers = { ...headers, "Content-Type": "application/json" };
      init.body = JSON.stringify(given);
    } else {
      for (const [name, value] of Object.entries(given)) url.searchParams.set(name, String(value));
    }
    const response = await fetch(url, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} /_mock/${path}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }
}
