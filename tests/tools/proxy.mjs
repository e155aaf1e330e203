// A development server that passes `/api` on to the mock: `node proxy.mjs vite|webpack MOCK_URL`.
// Print its address when it serves. Both use their defaults, among them compression.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "vite";
import webpack from "webpack";
import WebpackDevServer from "webpack-dev-server";

const [kind, target] = process.argv.slice(2);
const root = mkdtempSync(join(tmpdir(), "proxy-"));
writeFileSync(join(root, "index.html"), "<!doctype html><title>page</title>");
writeFileSync(join(root, "index.js"), "");

if (kind === "vite") {
  const server = await createServer({
    root,
    configFile: false,
    logLevel: "silent",
    server: { host: "127.0.0.1", port: 0, hmr: false, proxy: { "/api": { target, changeOrigin: true } } },
  });
  await server.listen();
  console.log(`http://127.0.0.1:${server.httpServer.address().port}`);
} else {
  const compiler = webpack({
    mode: "development",
    context: root,
    entry: "./index.js",
    output: { path: join(root, "out") },
    infrastructureLogging: { level: "none" },
    stats: "none",
  });
  const server = new WebpackDevServer(
    { host: "127.0.0.1", port: 0, hot: false, proxy: [{ context: ["/api"], target, changeOrigin: true }] },
    compiler,
  );
  await server.start();
  console.log(`http://127.0.0.1:${server.server.address().port}`);
}
