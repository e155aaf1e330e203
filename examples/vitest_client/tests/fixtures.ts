// Fixtures: `world`, the world of the test, and `runs`, a client for it.

import { inject, test as base } from "vitest";
import { RunsClient } from "../src/runs";
import { World } from "./world";

interface Fixtures {
  world: World;
  runs: RunsClient;
}

let opened = 0;

export const test = base.extend<Fixtures>({
  world: async ({}, use) => {
    opened += 1;
    // Later files of a worker use the same names and reset their worlds.
    const name = `test-vitest-${process.env["VITEST_POOL_ID"]}-${opened}`;
    await use(await World.open(inject("mockUrl"), name));
  },
  runs: async ({ world }, use) => {
    // Tests do not wait between attempts.
    await use(new RunsClient(world.baseUrl, world.key, { sleep: async () => {} }));
  },
});
