// Start one mock before the first test and stop it after the last.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    mockUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = process.env["RUNS_MOCK_URL"];
  if (running) {
    project.provide("mockUrl", running.replace(/\/$/, ""));
    return async () => {};
  }
  const mock = spawn("runs-mock", ["serve", "--port", "0", "--clock", "frozen"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<string>((resolve) => {
    mock.once("error", (error) => resolve(`${error.message}; is its Python environment active?`));
    mock.once("exit", (code) => resolve(`exit code ${code}`));
  });
  const address = new Promise<string>((resolve) => {
    createInterface(mock.stdout).on("line", (line) => {
      const found = /API +(http:\/\/[^/]+)/.exec(line);
      if (found?.[1]) resolve(found[1]);
    });
  });
  const failure = ended.then((why) => Promise.reject(new Error(`runs-mock did not start: ${why}`)));
  project.provide("mockUrl", await Promise.race([address, failure]));
  failure.catch(() => {});
  return async () => {
    mock.kill();
    await ended;
  };
}
