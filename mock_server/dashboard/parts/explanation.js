/** Why a request got its response, two requests next to each other, and the same request again. */

import { html, useEffect, useState } from "../preact.js";
import { address, control } from "../api.js";
import { dateTime, size } from "../format.js";
import { href } from "../router.js";
import { asCurl } from "../snippets.js";
import { toast } from "../store.js";
import { Copy, report } from "./basics.js";
import { Code } from "./status.js";

/** @param {{ world: string, number: number, known: Entry | undefined, onClose: () => void }} props */
export function Explanation({ world, number, known, onClose }) {
  const [found, set] = useState(/** @type {Entry | null} */ (null));
  const [error, setError] = useState("");
  const entry = known ?? found;
  useEffect(() => {
    if (!known) control("GET", `requests/${number}`).then(set, (problem) => setError(problem.message));
  }, [number, !known]);
  if (!entry) return html`<section class="panel explain" aria-label="Explanation"><p>${error || "Reading…"}</p></section>`;
  const runId = /automation-runs\/([0-9a-f-]{36})/.exec(entry.path)?.[1];
  return html`<section class="panel explain" aria-labelledby="why">
    <header><h2 id="why">Request ${entry.number}</h2><span><${Copy} text=${asCurl(entry)} label="Copy as curl" /><button type="button" class="quiet" onClick=${onClose}>Close</button></span></header>
    <p><b>${entry.method}</b> <code>${entry.path}${entry.query && `?${entry.query}`}</code></p>
    <dl>
      <${Fact} name="Response"><${Code} code=${entry.status} /> ${entry.reason ?? ""}<//>
      <${Fact} name="Operation">${entry.operation ? html`<code>${entry.operation}</code>` : "None of the contract matches."}<//>
      ${entry.nearMisses.length > 0 && html`<${Fact} name="Near misses"><ul class="plain">${entry.nearMisses.map((one) => html`<li><b>${one.method}</b> <code>${one.path}</code>: ${one.reason}</li>`)}</ul><//>`}
      <${Fact} name="Credential">${entry.credential ? html`<code>${entry.credential}</code>, the world <code>${entry.tenant}</code>` : "None that opens a world."}<//>
      ${entry.flaws.length > 0 && html`<${Fact} name="Not as in the contract"><ul class="plain">${entry.flaws.map((flaw) => html`<li><code>${flaw.loc.join(".")}</code>: ${flaw.msg}</li>`)}</ul><//>`}
      ${entry.ignored.length > 0 && html`<${Fact} name="Ignored"><ul class="plain">${entry.ignored.map((loc) => html`<li><code>${loc.join(".")}</code></li>`)}</ul><//>`}
      ${entry.question && html`<${Fact} name=${`Open question ${entry.question.number}`}>${entry.question.question} Answer in force: <b>${entry.question.answer}</b>. ${entry.question.meaning} <a href=${href({ view: "behaviour", query: { at: entry.question.number } })}>Change</a><//>`}
      ${entry.faults.length > 0 && html`<${Fact} name="Faults">${entry.faults.map((fault) => html`<code>${fault}</code> `)}<a href=${href({ view: "faults" })}>Show faults</a><//>`}
      <${Fact} name="Place in the contract">${entry.contract.location ? html`<code>${entry.contract.location}</code>` : entry.contract.because}${entry.operation && html` <a href=${`${address("docs")}#/Automation%20runs/${entry.operation}`}>Documentation</a>`}<//>
      ${runId && html`<${Fact} name="Run"><a href=${href({ view: "runs", id: runId, query: {} })}><code>${runId}</code></a><//>`}
      <${Fact} name="Sent">${entry.at ? `${dateTime(entry.at)} of the world` : "Before a world was found"}${entry.durationMs == null ? "" : `, took ${entry.durationMs.toFixed(1)} ms`}, ${size(entry.bytesSent)}${entry.stream ? `, stream ${entry.stream}` : ""}<//>
      <${Fact} name="Headers"><table><tbody>${Object.entries(entry.headers).map(([name, value]) => html`<tr><th scope="row"><code>${name}</code></th><td><code>${value}</code></td></tr>`)}</tbody></table><//>
    </dl>
    <${Again} entry=${entry} world=${entry.tenant ?? world} />
  </section>`;
}

/** @param {{ name: string, children?: unknown }} props */
function Fact({ name, children }) {
  return html`<div><dt>${name}</dt><dd>${children}</dd></div>`;
}

/** @param {{ entry: Entry, world: string }} props */
function Again({ entry, world }) {
  const writes = !["GET", "HEAD", "OPTIONS"].includes(entry.method);
  const [body, setBody] = useState("");
  const streaming = entry.operation === "streamRunEvents";
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const path = `${entry.path}${entry.query ? `?${entry.query}` : ""}`.replace(/^\//, "");
    try {
      const stop = new AbortController();
      const response = await fetch(address(path), {
        method: entry.method,
        signal: stop.signal,
        headers: { "X-API-Key": world, ...(body ? { "Content-Type": "application/json" } : {}) },
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
    ${writes && html`<label>Body, which the journal does not keep in full<textarea rows="3" spellcheck="false" placeholder="{}" value=${body} onInput=${(/** @type {any} */ event) => setBody(event.target.value)}></textarea></label>`}
    <footer><button type="submit">Send again</button></footer>
  </form>`;
}

/** @param {{ left: any, right: any, onClose: () => void }} props */
export function Comparison({ left, right, onClose }) {
  const names = ["method", "path", "query", "operation", "status", "reason", "credential", "tenant", "flaws", "ignored", "question", "faults", "stream", "durationMs", "bytesSent", "at"];
  const headers = [...new Set([...Object.keys(left.headers), ...Object.keys(right.headers)])];
  const rows = [
    ...names.map((name) => [name, left[name], right[name]]),
    ...headers.map((name) => [`header ${name}`, left.headers[name], right.headers[name]]),
  ].map(([name, a, b]) => /** @type {[string, string, string]} */ ([name, text(a), text(b)]));
  return html`<section class="panel" aria-labelledby="compared">
    <header><h2 id="compared">Requests ${left.number} and ${right.number}</h2><button type="button" class="quiet" onClick=${onClose}>Close</button></header>
    <div class="table-area" tabindex="0" role="region" aria-label="Comparison, scrollable"><table>
      <thead><tr><th scope="col">Part</th><th scope="col">${left.number}</th><th scope="col">${right.number}</th><th scope="col">Same</th></tr></thead>
      <tbody>${rows.map(([name, a, b]) => html`<tr class=${a === b ? "" : "differs"}><th scope="row">${name}</th><td><code>${a}</code></td><td><code>${b}</code></td><td>${a === b ? "same" : html`<b>differs</b>`}</td></tr>`)}</tbody>
    </table></div>
  </section>`;
}

/** @param {unknown} value */
function text(value) {
  if (value === null || value === undefined || (Array.isArray(value) && !value.length)) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
