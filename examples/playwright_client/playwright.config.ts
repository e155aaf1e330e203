import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "tests",
  fullyParallel: true,
  workers: 2,
  // Maximum wait for what normally appears at once, on a busy machine.
  timeout: 90_000,
  expect: { timeout: 30_000 },
  forbidOnly: Boolean(process.env["CI"]),
  use: {
    launchOptions: {
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: ["--no-sandbox"],
    },
  },
  // Both use a free port; the named groups become environment variables of every worker.
  webServer: [
    {
      name: "mock",
      command: "exec runs-mock serve --port 0 --clock frozen",
      wait: { stdout: /API +(?<mock_url>http:\/\/[^/]+)/ },
    },
    {
      name: "page",
      command: "exec python3 -u -m http.server 0 --bind 127.0.0.1 --directory page",
      wait: { stdout: /(?<page_url>http:\/\/127\.0\.0\.1:\d+)/ },
      stderr: "ignore",
    },
  ],
});
