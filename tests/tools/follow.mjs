// Follow a run with one of several clients: `node follow.mjs CLIENT URL KEY`. Print a line of JSON for
// each message, with its id, event and data, and end after `run.completed`.

import { createEventSource } from "eventsource-client";
import { EventSource } from "eventsource";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const [client, url, key] = process.argv.slice(2);
const headers = { "X-API-Key": key };
const TYPES = [
  "run.created", "run.started", "run.completed",
  "step.started", "step.completed", "message",
];

function print({ id, event, data }) {
  console.log(JSON.stringify({ id, event, type: data ? JSON.parse(data).event : null }));
  if (event === "run.completed") process.exit(0);
}

function listen(source) {
  for (const type of TYPES) {
    source.addEventListener(type, (m) => print({ id: m.lastEventId, event: m.type, data: m.data }));
  }
}

// From version 3 on, headers are the business of `fetch`.
const withHeaders = {
  fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
};

const CLIENTS = {
  eventsource2: () => listen(new (require("eventsource2"))(url, { headers })),
  eventsource3: () => listen(new (require("eventsource3").EventSource)(url, withHeaders)),
  eventsource4: () => listen(new EventSource(url, withHeaders)),
  "eventsource-client": () => createEventSource({ url, headers, onMessage: print }),
  "fetch-event-source": () => {
    // It is written for browsers, and reconnects when a tab is shown again.
    globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
    globalThis.window = globalThis;
    const { fetchEventSource } = require("@microsoft/fetch-event-source");
    fetchEventSource(url, {
      headers,
      onmessage: print,
      onclose: () => {
        throw new Error("closed"); // Only an error makes it reconnect.
      },
    });
  },
  "event-source-polyfill": () => {
    const { EventSourcePolyfill } = require("event-source-polyfill");
    listen(new EventSourcePolyfill(url, { headers }));
  },
};

CLIENTS[client]();
