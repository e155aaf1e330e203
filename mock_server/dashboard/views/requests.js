/** What clients send: requests as they come with the reasons for each response, and event streams. */

import { address, control } from "../api.js";
import { subscribe, useResource } from "../feed.js";
import { dateTime, preciseTime, short, size } from "../format.js";
import { useKeys } from "../keys.js";
import { Code, Copy, Empty, Failure, Head, Panel, Status, Table, report } from "../parts/basics.js";
import { html, useEffect, useRef, useState } from "../preact.js";
import { go, href, replaceQuery } from "../router.js";
import { asCurl, target } from "../snippets.js";
import { toast } from "../store.js";

const OPERATIONS = ["listRuns", "getRun", "cancelRun", "streamRunEvents", "retryRun", "getRunSteps", "none"];
const MAX = 300;

/** @type {[string, string][]} */
const KINDS = [
  ["", "All requests"],
  ["faults", "With a fault"],
  ["flaws", "Not as in the contract"],
  ["unmatched", "Unmatched"],
];

/** @param {{ route: Route }} props */
export function Requests({ route: { world, id, query } }) {
  const { entries, total, error, loading } = useJournal(world, query);
  const [cursor, setCursor] = useState(-1);
  const [pair, setPair] = useState(/** @type {number[]} */ ([]));
  const field = useRef(/** @type {any} */ (null));
  const words = (query.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const shown = entries.filter((one) => words.every((word) => `${one.method} ${one.path} ${one.query} ${one.operation} ${one.status} ${one.headers["user-agent"] ?? ""}`.toLowerCase().includes(word)));
  const chosen = id ? Number(id) : null;
  const open = (/** @type {number | null} */ number) => go({ view: "requests", id: number === null ? null : String(number), query });
  const move = (/** @type {number} */ by) => () => setCursor(Math.max(0, Math.min(shown.length - 1, cursor + by)));
  useKeys({
    j: move(1),
    k: move(-1),
    Enter: () => shown[cursor] && open(shown[cursor].number),
    "/": () => field.current?.focus(),
    Escape: () => (pair.length ? setPair([]) : open(null)),
  });
  const mark = (/** @type {number} */ number) => setPair((before) => (before.includes(number) ? before.filter((one) => one !== number) : [...before.slice(-1), number]));
  const compared = pair.map((number) => entries.find((one) => one.number === number)).filter(Boolean);
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => replaceQuery({ [name]: event.target.value || null });
  const filtered = Object.values(query).some(Boolean);
  return html`<div class="page requests">
    <${Head} title="Requests" lead=${`What clients have sent to ${query.whose === "none" ? "no world" : world}, newest first. This page's own reading is not recorded.`}><//>
    <div class="filters">
      <label>Show <select value=${query.kind ?? ""} onChange=${set("kind")}>${KINDS.map(([value, text]) => html`<option value=${value} selected=${value === (query.kind ?? "")}>${text}</option>`)}</select></label>
      <label>Operation <select onChange=${set("operation")}><option value="">any</option>${OPERATIONS.map((one) => html`<option value=${one} selected=${one === query.operation}>${one}</option>`)}</select></label>
      <label>Status <select onChange=${set("status")}><option value="">any</option>${["2xx", "3xx", "4xx", "5xx", "401", "404", "409", "422", "429"].map((one) => html`<option value=${one} selected=${one === query.status}>${one}</option>`)}</select></label>
      <label>World <select onChange=${set("whose")}>${[["", world], ["none", "no world"], ["all", "all"]].map(([value, text]) => html`<option value=${value} selected=${value === (query.whose ?? "")}>${text}</option>`)}</select></label>
      <input ref=${field} type="search" aria-label="Filter requests" placeholder="Filter by words (/)" value=${query.q ?? ""} onInput=${set("q")} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && field.current.blur()} />
      <span class="quiet-text" role="status">${shown.length} of ${total}</span>
    </div>
    <${Failure} error=${error} />
    ${compared.length === 2 && html`<${Comparison} left=${compared[0]} right=${compared[1]} onClose=${() => setPair([])} />`}
    <div class=${`split ${chosen ? "" : "is-single"}`}>
      ${shown.length
        ? html`<${Table} label="Requests" heads=${[html`<span class="visually-hidden">Compare</span>`, "Number", "Status", "Request", "Operation", "Why", "Time", "Took"]}>${shown.map((one, index) => html`<tr key=${one.number} class=${one.number === chosen || index === cursor ? "is-current" : ""}>
              <td><input type="checkbox" aria-label=${`Compare request ${one.number}`} checked=${pair.includes(one.number)} onChange=${() => mark(one.number)} /></td>
              <td><a href=${href({ id: String(one.number) })} aria-label=${`Explain request ${one.number}`}>${one.number}</a></td>
              <td><${Code} code=${one.status} /></td>
              <td><div class="path"><b>${one.method}</b> ${one.path}${one.query && `?${one.query}`}</div></td>
              <td>${one.operation ?? html`<span class="mark is-flaw">unmatched</span>`}</td>
              <td><${Marks} entry=${one} /></td>
              <td>${one.at ? preciseTime(one.at) : ""}</td>
              <td>${one.stream === "open" ? "open" : one.durationMs == null ? "" : `${one.durationMs.toFixed(1)} ms`}</td>
            </tr>`)}<//>`
        : loading
          ? html`<p class="quiet-text" role="status">Reading the requests…</p>`
          : filtered
            ? html`<${Empty} title="No request matches"><a href=${href({ query: {} })}>Show all requests</a><//>`
          : html`<${Empty} title="No requests yet"><p>Each request to the API appears here within a moment, with the reasons for its response. Send one:</p><pre tabindex="0" aria-label="Command">curl -H 'X-API-Key: ${world}' '${location.origin}${new URL("api/v1/automation-runs", document.baseURI).pathname}'</pre><//>`}
      ${chosen && html`<${Explanation} key=${chosen} world=${world} number=${chosen} known=${entries.find((one) => one.number === chosen)} onClose=${() => open(null)} />`}
    </div>
  </div>`;
}

/** @param {{ entry: Entry }} props */
function Marks({ entry }) {
  return html`<span class="marks">
    ${entry.backend && html`<span class="mark is-passed" title=${`Passed on to ${entry.backend}`}>passed on</span>`}
    ${entry.faults.map((fault) => html`<span class="mark is-fault">${fault}</span>`)}
    ${entry.flaws.length > 0 && html`<span class="mark is-flaw">${entry.flaws.length} ${entry.flaws.length === 1 ? "error" : "errors"}</span>`}
    ${entry.ignored.length > 0 && html`<span class="mark is-flaw">ignored ${entry.ignored.map((loc) => loc.at(-1)).join(", ")}</span>`}
    ${entry.question && html`<span class="mark">${entry.question.number}</span>`}
  </span>`;
}

/**
 * Return the entries of the journal for these filters, with those that come, newest first.
 * @param {string} world
 * @param {Record<string, string>} query
 */
function useJournal(world, query) {
  const [state, set] = useState({ entries: /** @type {Entry[]} */ ([]), total: 0, error: /** @type {any} */ (null), loading: true });
  const { kind, operation, status, whose } = query;
  useEffect(() => {
    let ended = false;
    let reading = false;
    let timer = 0;
    /** @type {Map<number, Entry>} */
    let known = new Map();
    const read = async (/** @type {boolean} */ all) => {
      timer = 0;
      if (reading) {
        later(null);
        return;
      }
      reading = true;
      // Entries of requests that have not ended change, so they are read again.
      const open = [...known.values()].filter((one) => one.durationMs === null).map((one) => one.number);
      const newest = Math.max(0, ...known.keys());
      const from = all || !known.size ? undefined : Math.min(newest + 1, ...open);
      try {
        const page = await control("GET", "requests", {
          world,
          query: { limit: MAX, from, status, whose, operation: kind === "unmatched" ? "none" : operation, with: kind === "faults" || kind === "flaws" ? kind : undefined },
        });
        if (all) known = new Map();
        for (const one of page.items) known.set(one.number, one);
        const entries = [...known.values()].sort((a, b) => b.number - a.number).slice(0, MAX);
        known = new Map(entries.map((one) => [one.number, one]));
        if (!ended) set((before) => ({ entries, total: from === undefined ? page.total : Math.max(before.total, entries.length), error: null, loading: false }));
      } catch (error) {
        if (!ended) set((before) => ({ ...before, error, loading: false }));
      }
      reading = false;
    };
    const later = (/** @type {any} */ data) => {
      if (!ended) timer ||= window.setTimeout(() => read(data === undefined), 300);
    };
    read(true);
    const end = subscribe(["requests"], later);
    return () => {
      ended = true;
      clearTimeout(timer);
      end();
    };
  }, [world, kind, operation, status, whose]);
  return state;
}

/** @param {{ world: string, number: number, known: Entry | undefined, onClose: () => void }} props */
function Explanation({ world, number, known, onClose }) {
  const [found, set] = useState(/** @type {Entry | null} */ (null));
  const [error, setError] = useState("");
  const entry = known ?? found;
  useEffect(() => {
    if (!known) control("GET", `requests/${number}`).then(set, (problem) => setError(problem.message));
  }, [number, !known]);
  // On a small screen it is below the list.
  useEffect(() => {
    if (matchMedia("(max-width: 980px)").matches) document.querySelector(".explain")?.scrollIntoView({ block: "nearest" });
  }, [number, !entry]);
  if (!entry) return html`<section class="panel explain" aria-label="Explanation"><p>${error || "Reading…"}</p></section>`;
  const runId = /automation-runs\/([0-9a-f-]{36})/.exec(entry.path)?.[1];
  return html`<${Panel} id="why" class="explain" title=${`Request ${entry.number}`} aside=${html`<span><${Copy} text=${asCurl(entry)} label="Copy as curl" /><button type="button" class="quiet" onClick=${onClose}>Close</button></span>`}>
    <p><b>${entry.method}</b> <code>${entry.path}${entry.query && `?${entry.query}`}</code></p>
    <dl>
      <${Fact} name="Response"><${Code} code=${entry.status} /> ${entry.reason ?? ""}<//>
      <${Fact} name="Operation">${entry.operation ? html`<code>${entry.operation}</code>` : "None of the contract matches."}<//>
      ${entry.nearMisses.length > 0 && html`<${Fact} name="Near misses"><ul class="plain">${entry.nearMisses.map((one) => html`<li><b>${one.method}</b> <code>${one.path}</code>: ${one.reason}</li>`)}</ul><//>`}
      <${Fact} name="Credential">${entry.credential ? html`<code>${entry.credential}</code>, the world <code>${entry.tenant}</code>` : "None that opens a world."}<//>
      ${entry.flaws.length > 0 && html`<${Fact} name="Not as in the contract"><ul class="plain">${entry.flaws.map((flaw) => html`<li><code>${flaw.loc.join(".")}</code>: ${flaw.msg}</li>`)}</ul><//>`}
      ${entry.ignored.length > 0 && html`<${Fact} name="Ignored"><ul class="plain">${entry.ignored.map((loc) => html`<li><code>${loc.join(".")}</code></li>`)}</ul><//>`}
      ${entry.question && html`<${Fact} name=${`Open question ${entry.question.number}`}>${entry.question.question} Answer in force: <b>${entry.question.answer}</b>. ${entry.question.meaning} <a href=${href({ view: "behaviour", query: { at: entry.question.number } })}>Change</a><//>`}
      ${entry.backend && html`<${Fact} name="Passed on to"><code>${entry.backend}</code><//>`}
      ${entry.faults.length > 0 && html`<${Fact} name="Faults">${entry.faults.map((fault) => html`<code>${fault}</code> `)}<a href=${href({ view: "faults" })}>Show faults</a><//>`}
      <${Fact} name="Place in the contract">${entry.contract.location ? html`<code>${entry.contract.location}</code>` : entry.contract.because}${entry.operation && html` <a href=${`${address("docs")}#/Automation%20runs/${entry.operation}`}>Documentation</a>`}<//>
      ${runId && html`<${Fact} name="Run"><a href=${href({ view: "runs", id: runId, query: {} })}><code>${runId}</code></a><//>`}
      <${Fact} name="Sent">${entry.at ? `${dateTime(entry.at)} of the world` : "Before a world was found"}${entry.durationMs == null ? "" : `, took ${entry.durationMs.toFixed(1)} ms`}, ${size(entry.bytesSent)}${entry.stream ? `, stream ${entry.stream}` : ""}<//>
      ${entry.body && html`<${Fact} name="Body"><code>${entry.body}</code><//>`}
      <${Fact} name="Headers"><table><tbody>${Object.entries(entry.headers).map(([name, value]) => html`<tr><th scope="row"><code>${name}</code></th><td><code>${value}</code></td></tr>`)}</tbody></table><//>
    </dl>
    <${Again} entry=${entry} world=${entry.tenant ?? world} />
  <//>`;
}

/** @param {{ name: string, children?: unknown }} props */
function Fact({ name, children }) {
  return html`<div><dt>${name}</dt><dd>${children}</dd></div>`;
}

/** @param {{ entry: Entry, world: string }} props */
function Again({ entry, world }) {
  const writes = !["GET", "HEAD", "OPTIONS"].includes(entry.method);
  const [body, setBody] = useState(entry.body ?? "");
  const streaming = entry.operation === "streamRunEvents";
  const lost = entry.body === null && Number(entry.headers["content-length"]) > 0;
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const stop = new AbortController();
      const response = await fetch(address(`.${target(entry)}`), {
        method: entry.method,
        signal: stop.signal,
        headers: { "X-API-Key": world, ...(body ? { "Content-Type": entry.headers["content-type"] ?? "application/json" } : {}) },
        body: writes && body ? body : undefined,
      });
      const number = response.headers.get("x-mock-request");
      if (streaming) stop.abort();
      toast(`The response is ${response.status}.`, "note", number ? { href: href({ id: number }), text: `Request ${number}` } : undefined);
    } catch (error) {
      report(error);
    }
  };
  return html`<form class="form" onSubmit=${send}>
    ${writes && html`<label>Body<textarea rows="3" spellcheck="false" placeholder="none" value=${body} onInput=${(/** @type {any} */ event) => setBody(event.target.value)}></textarea></label>`}
    ${writes && lost && html`<p class="quiet-text">The journal keeps bodies that an operation reads, as text up to 8 KiB. Enter this one again.</p>`}
    ${body.includes("[redacted]") && html`<p class="quiet-text">The journal does not keep secrets. Enter what is redacted.</p>`}
    <footer><button type="submit">Send again</button></footer>
  </form>`;
}

/** @param {{ left: any, right: any, onClose: () => void }} props */
function Comparison({ left, right, onClose }) {
  const names = ["method", "path", "query", "operation", "status", "reason", "credential", "tenant", "body", "flaws", "ignored", "question", "faults", "backend", "stream", "durationMs", "bytesSent", "at"];
  const headers = [...new Set([...Object.keys(left.headers), ...Object.keys(right.headers)])];
  const rows = [
    ...names.map((name) => [name, left[name], right[name]]),
    ...headers.map((name) => [`header ${name}`, left.headers[name], right.headers[name]]),
  ].map(([name, a, b]) => /** @type {[string, string, string]} */ ([name, text(a), text(b)]));
  return html`<${Panel} id="compared" title=${`Requests ${left.number} and ${right.number}`} aside=${html`<button type="button" class="quiet" onClick=${onClose}>Close</button>`}>
    <${Table} label="Comparison" heads=${["Part", left.number, right.number, "Same"]}>${rows.map(([name, a, b]) => html`<tr class=${a === b ? "" : "differs"}><th scope="row">${name}</th><td><code>${a}</code></td><td><code>${b}</code></td><td>${a === b ? "same" : html`<b>differs</b>`}</td></tr>`)}<//>
  <//>`;
}

/** @param {unknown} value */
function text(value) {
  if (value === null || value === undefined || (Array.isArray(value) && !value.length)) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

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
