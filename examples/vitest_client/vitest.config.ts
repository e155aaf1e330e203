import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "tests/mock.ts",
    include: ["tests/*.test.ts"],
    maxWorkers: 2,
    testTimeout: 30_000,
  },
});
