// What a test may ask for: `world`, its worker's own, started afresh for each test; and `openPage`,
// the page with that world's cookie.

import { test as base } from "@playwright/test";
import { World } from "./world";

interface Fixtures {
  world: World;
  openPage: () => Promise<void>;
}

const mockUrl = process.env["MOCK_URL"] ?? "";
const pageUrl = process.env["PAGE_URL"] ?? "";

export const test = base.extend<Fixtures>({
  world: async ({}, use, { parallelIndex }) => {
    await use(await World.open(mockUrl, `test-playwright-${parallelIndex}`));
  },
  openPage: async ({ context, page, world }, use) => {
    // Cookies know no ports: the page's host must be the mock's, 127.0.0.1 for both.
    await context.addCookies([{ name: "vai_token", value: world.key, url: mockUrl }]);
    await use(async () => {
      await page.goto(`${pageUrl}/?api=${mockUrl}`);
    });
  },
});
