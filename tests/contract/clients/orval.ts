// Reads a run and its stream with the client that orval generated; prints what it got as JSON.

import { getRun, streamRunEvents } from "./orval/client";
import { connection } from "./transport";

const [baseUrl, key, runId] = process.argv.slice(2) as [string, string, string];
connection.baseUrl = baseUrl;
connection.headers = { "X-API-Key": key };

const run = await getRun(runId);
const stream = await streamRunEvents(runId);
const text = stream.status === 200 ? String(stream.data) : "";
const events = [...text.matchAll(/^event: (.*)$/gm)].map((match) => match[1]);
const status = run.status === 200 ? run.data.status : undefined;
console.log(JSON.stringify({ status, events }));
