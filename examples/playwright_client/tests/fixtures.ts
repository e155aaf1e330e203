// Fixtures: `world`, the world of the worker, reset for each test; and `openPage`, the page with the
// cookie of that world.

import { test as base } from "@playwright/test";
import { World } from "./world";

interface Fixtures {
  world: World;
  openPage: (query?: Record<string, string>) => Promise<void>;
}

const mockUrl = process.env["MOCK_URL"] ?? "";
const pageUrl = process.env["PAGE_URL"] ?? "";

export const test = base.extend<Fixtures>({
  world: async ({}, use, { parallelIndex }) => {
    await use(await World.open(mockUrl, `test-playwright-${parallelIndex}`));
  },
  openPage: async ({ context, page, world }, use) => {
    // Cookies are shared by all ports of a host: page and mock both need 127.0.0.1.
    await context.addCookies([{ name: "vai_token", value: world.key, url: mockUrl }]);
    await use(async (query = {}) => {
      await page.goto(`${pageUrl}/?${new URLSearchParams({ api: mockUrl, ...query })}`);
    });
  },
});
