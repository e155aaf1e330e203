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

  /** `POST /_mock/{path}` for this world: whatever the control API can do. */
  async control<T>(path: string, body: object = {}): Promise<T> {
    const token = process.env["RUNS_MOCK_CONTROL_TOKEN"];
    const response = await fetch(`${this.baseUrl}/_mock/${path}`, {
      method: "POST",
      headers: {
        "X-API-Key": this.key,
        "Content-Type": "application/json",
        ...(token ? { "X-Mock-Token": token } : {}),
      },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`POST /_mock/${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }
}
