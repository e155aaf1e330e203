// Reads a run and its stream with the client that hey-api generated; prints what it got as JSON.

import { getRun, streamRunEvents } from "./hey-api/sdk.gen";
import { client } from "./hey-api/client.gen";

const [baseUrl, key, runId] = process.argv.slice(2) as [string, string, string];
client.setConfig({ baseUrl, headers: { "X-API-Key": key } });

const path = { run_id: runId };
const { data: run } = await getRun({ path });
const events: string[] = [];
const { stream } = await streamRunEvents({ path, sseMaxRetryAttempts: 1 });
for await (const event of stream) {
  events.push(event.event);
  if (["run.completed", "run.failed", "run.cancelled"].includes(event.event)) break;
}
console.log(JSON.stringify({ status: run?.status, events }));
process.exit(0);
