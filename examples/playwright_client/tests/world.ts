// One world of the mock, as its control API gives it: runs to order, and a clock in hand.

export interface Start {
  now?: string;
  seed?: number;
  scale?: number;
  start?: string;
  runs?: number;
  live?: number;
}

export class World {
  private constructor(
    readonly baseUrl: string,
    readonly key: string,
  ) {}

  /** The world of that name, started afresh: without runs and frozen, unless `start` differs. */
  static async open(baseUrl: string, key: string, start: Start = {}): Promise<World> {
    const world = new World(baseUrl, key);
    await world.control("reset", { scale: 0, start: "empty", ...start });
    return world;
  }

  /** A new run of that scenario; gives its id. `runs-mock scenarios` lists them. */
  async create(scenario: string): Promise<string> {
    return (await this.control<{ id: string }>("runs", { scenario })).id;
  }

  /** Moves the clock forward; everything that was due has happened when it returns. */
  async advance(seconds: number): Promise<void> {
    await this.control("clock/advance", { seconds });
  }

  /** `{method} /_mock/{path}` for this world: whatever the control API can do. `given` is the body
   * of a POST or PUT, and the query of any other method; an answer without a body is `undefined`. */
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
