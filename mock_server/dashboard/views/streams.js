/** The event streams of the world: who follows which run, and how much was sent. */

import { html } from "../preact.js";
import { control } from "../api.js";
import { dateTime, size, short } from "../format.js";
import { Empty, Failure } from "../parts/basics.js";
import { useResource } from "../resource.js";
import { href } from "../router.js";

/** @param {{ route: Route }} props */
export function StreamsView({ route: { world } }) {
  const { data, error } = useResource(() => control("GET", "requests", { world, query: { operation: "streamRunEvents", status: "2xx", limit: 300 } }), [world], ["requests", "runs"]);
  const streams = /** @type {Entry[]} */ (data?.items ?? []);
  const open = streams.filter((one) => one.stream === "open");
  const ended = streams.filter((one) => one.stream !== "open").slice(0, 50);
  return html`<div class="page streams">
    <header class="page-head"><div><h1>Streams</h1><p class="lead">Who follows the events of which run in ${world}.</p></div></header>
    <${Failure} error=${error} />
    ${data && !streams.length
      ? html`<${Empty} title="No client follows a run"><p>A stream appears here as long as a client keeps it open, with the bytes that were sent. Follow a run:</p>
          <pre tabindex="0" aria-label="Command">runs-mock new diamond --follow --world ${world}</pre><//>`
      : html`<${List} title=${`Open (${open.length})`} id="open" streams=${open} /><${List} title="Ended" id="ended" streams=${ended} />`}
  </div>`;
}

/** @param {{ title: string, id: string, streams: Entry[] }} props */
function List({ title, id, streams }) {
  return html`<section class="panel" aria-labelledby=${id}><h2 id=${id}>${title}</h2>
    ${streams.length
      ? html`<div class="table-area" tabindex="0" role="region" aria-label=${`${title}, scrollable`}><table>
          <thead><tr><th scope="col">Request</th><th scope="col">Run</th><th scope="col">Client</th><th scope="col">Since</th><th scope="col">Resumed after</th><th scope="col">Sent</th><th scope="col">Faults</th></tr></thead>
          <tbody>${streams.map((one) => {
            const run = one.path.split("/").at(-2) ?? "";
            return html`<tr key=${one.number}><th scope="row"><a href=${href({ view: "requests", id: String(one.number) })}>${one.number}</a></th><td><a href=${href({ view: "runs", id: run })}><code>${short(run)}</code></a></td><td>${one.headers["user-agent"] ?? "unknown"}</td><td>${one.at ? dateTime(one.at) : ""}</td><td>${one.headers["last-event-id"] ?? ""}</td><td>${size(one.bytesSent)}</td><td>${one.faults.join(", ")}</td></tr>`;
          })}</tbody></table></div>`
      : html`<p class="quiet-text">None.</p>`}
  </section>`;
}
