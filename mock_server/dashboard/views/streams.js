/** The event streams of the world: who follows which run, and how far each has come. */

import { html } from "../vendor/htm-preact.js";
import { control } from "../api.js";
import { dateTime, short, size } from "../format.js";
import { Empty, Failure, Head, Panel, Status, Table } from "../parts/basics.js";
import { useResource } from "../feed.js";
import { href } from "../router.js";

/** @typedef {{ request: number, run: string, status: string, openedAt: string | null, position: number, events: number, userAgent: string | null }} Stream */

/** @param {{ route: Route }} props */
export function StreamsView({ route: { world } }) {
  const query = { operation: "streamRunEvents", status: "2xx", limit: 300 };
  const { data, error } = useResource(
    () => Promise.all([control("GET", "streams", { world }), control("GET", "requests", { world, query })]),
    [world],
    ["requests", "runs"],
  );
  const open = /** @type {Stream[]} */ (data?.[0].items ?? []);
  const ended = /** @type {Entry[]} */ (data?.[1].items ?? []).filter((one) => one.stream !== "open").slice(0, 50);
  return html`<div class="page streams">
    <${Head} title="Streams" lead=${`Who follows the events of which run in ${world}.`}><//>
    <${Failure} error=${error} />
    ${data && !open.length && !ended.length
      ? html`<${Empty} title="No client follows a run"><p>A stream appears here as long as a client keeps it open, with the events that were sent. Follow a run:</p>
          <pre tabindex="0" aria-label="Command">runs-mock new diamond --follow --world ${world}</pre><//>`
      : html`<${List} title=${`Open (${data?.[0].total ?? 0})`} id="open" heads=${["Request", "Run", "Status", "Client", "Since", "Sent"]}
            rows=${open.map((one) => [link(one.request), run(one.run), html`<${Status} status=${one.status} />`, one.userAgent ?? "unknown", one.openedAt ? dateTime(one.openedAt) : "", `${one.position} of ${one.events} events`])} />
          <${List} title="Ended" id="ended" heads=${["Request", "Run", "Client", "Since", "Resumed after", "Sent", "Faults"]}
            rows=${ended.map((one) => [link(one.number), run(one.path.split("/").at(-2) ?? ""), one.headers["user-agent"] ?? "unknown", one.at ? dateTime(one.at) : "", one.headers["last-event-id"] ?? "", size(one.bytesSent), one.faults.join(", ")])} />`}
  </div>`;
}

/** @param {number} number */
const link = (number) => html`<a href=${href({ view: "requests", id: String(number) })}>${number}</a>`;

/** @param {string} id */
const run = (id) => html`<a href=${href({ view: "runs", id })}><code>${short(id)}</code></a>`;

/** @param {{ title: string, id: string, heads: string[], rows: unknown[][] }} props */
function List({ title, id, heads, rows }) {
  return html`<${Panel} id=${id} title=${title}>
    ${rows.length
      ? html`<${Table} label=${title} heads=${heads}>${rows.map((cells) => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}<//>`
      : html`<p class="quiet-text">None.</p>`}
  <//>`;
}
