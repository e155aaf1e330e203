/** The requests of clients as they come, and why each got its response. */

import { html, useEffect, useRef, useState } from "../preact.js";
import { control } from "../api.js";
import { subscribe } from "../feed.js";
import { preciseTime } from "../format.js";
import { useKeys } from "../keys.js";
import { Empty, Failure } from "../parts/basics.js";
import { Comparison, Explanation } from "../parts/explanation.js";
import { Code } from "../parts/status.js";
import { go, href, replaceQuery } from "../router.js";

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
  const { entries, total, error } = useJournal(world, query);
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
    <header class="page-head"><div><h1>Requests</h1><p class="lead">What clients have sent to ${query.whose === "none" ? "no world" : world}, newest first. This page's own reading is not recorded.</p></div></header>
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
        ? html`<div class="table-area" tabindex="0" role="region" aria-label="Requests, scrollable"><table>
            <thead><tr><th scope="col"><span class="visually-hidden">Compare</span></th><th scope="col">Number</th><th scope="col">Status</th><th scope="col">Request</th><th scope="col">Operation</th><th scope="col">Why</th><th scope="col">Time</th><th scope="col">Took</th></tr></thead>
            <tbody>${shown.map((one, index) => html`<tr key=${one.number} class=${one.number === chosen || index === cursor ? "is-current" : ""}>
              <td><input type="checkbox" aria-label=${`Compare request ${one.number}`} checked=${pair.includes(one.number)} onChange=${() => mark(one.number)} /></td>
              <td><a href=${href({ id: String(one.number) })} aria-label=${`Explain request ${one.number}`}>${one.number}</a></td>
              <td><${Code} code=${one.status} /></td>
              <td class="path"><b>${one.method}</b> ${one.path}${one.query && `?${one.query}`}</td>
              <td>${one.operation ?? html`<span class="mark is-flaw">unmatched</span>`}</td>
              <td><${Marks} entry=${one} /></td>
              <td>${one.at ? preciseTime(one.at) : ""}</td>
              <td>${one.stream === "open" ? "open" : one.durationMs == null ? "" : `${one.durationMs.toFixed(1)} ms`}</td>
            </tr>`)}</tbody></table></div>`
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
  const [state, set] = useState({ entries: /** @type {Entry[]} */ ([]), total: 0, error: /** @type {any} */ (null) });
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
        if (!ended) set((before) => ({ entries, total: from === undefined ? page.total : Math.max(before.total, entries.length), error: null }));
      } catch (error) {
        if (!ended) set((before) => ({ ...before, error }));
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
