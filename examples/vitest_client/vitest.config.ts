import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "tests/mock.ts",
    include: ["tests/*.test.ts"],
    maxWorkers: 2,
    // The items of the exam mostly wait.
    maxConcurrency: 16,
    testTimeout: 30_000,
  },
});
