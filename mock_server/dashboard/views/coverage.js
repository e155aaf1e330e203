/** The contract as a tree: which parts the client has exercised, and which not yet. */

import { html } from "../preact.js";
import { control } from "../api.js";
import { Failure, report } from "../parts/basics.js";
import { useResource } from "../resource.js";

/** @param {{ route: Route }} props */
export function CoverageView({ route: { world } }) {
  const { data, error, reload } = useResource(() => control("GET", "coverage", { world }), [world], ["requests"]);
  const clear = () => control("DELETE", "coverage", { world }).then(reload, report);
  return html`<div class="page coverage">
    <header class="page-head"><div><h1>Coverage</h1><p class="lead">Which parts of the contract your client has exercised in the world ${world} since it was opened, reset or cleared.</p></div>
      <button type="button" onClick=${clear}>Clear</button></header>
    <${Failure} error=${error} />
    ${data && html`
      <section class="panel" aria-labelledby="all"><header><h2 id="all">${data.seen} of ${data.of} parts</h2><span class="quiet-text">${percent(data.seen, data.of)} %</span></header>
        <${Meter} seen=${data.seen} of=${data.of} name="All parts" />
        ${data.seen === 0 && html`<p class="quiet-text">Nothing yet: send requests to the API with the credential <code>${world}</code>, and this tree fills by itself.</p>`}</section>
      <section class="panel tree" aria-labelledby="operations"><h2 id="operations">Operations</h2>
        ${data.operations.map((/** @type {any} */ one) => html`<${Branch} key=${one.operation} name=${html`<b>${one.method}</b> ${one.path} <span class="quiet-text">${one.operation}, ${one.requests} ${one.requests === 1 ? "request" : "requests"}</span>`} title=${one.operation} parts=${[{ ...one.statuses, name: "Status codes" }, { ...one.parameters, name: "Parameters" }]} />`)}
      </section>
      <section class="panel tree" aria-labelledby="values"><h2 id="values">Values</h2>
        <${Branch} name="Sent by the client" title="Sent" parts=${data.sent} />
        <${Branch} name="Received by the client" title="Received" parts=${data.received} />
        <${Branch} name="Events of streams" title="Events" parts=${[data.events]} />
        <${Branch} name="Credentials" title="Credentials" parts=${[data.credentials]} />
      </section>`}
  </div>`;
}

/** @param {number} seen @param {number} of */
const percent = (seen, of) => Math.round((100 * seen) / Math.max(of, 1));

/** @param {{ seen: number, of: number, name: string }} props */
function Meter({ seen, of, name }) {
  return html`<span class="meter" role="meter" aria-label=${name} aria-valuemin="0" aria-valuemax=${of} aria-valuenow=${seen}><i style=${{ width: `${percent(seen, of)}%` }}></i></span>`;
}

/** @param {{ name: unknown, title: string, parts: Part[] }} props */
function Branch({ name, title, parts }) {
  const seen = parts.reduce((sum, part) => sum + part.seen.length, 0);
  const of = seen + parts.reduce((sum, part) => sum + part.missing.length, 0);
  return html`<details><summary><span>${name}</span><${Meter} seen=${seen} of=${of} name=${title} /><span>${seen} of ${of}</span></summary>
    ${parts.map((part) => html`<div key=${part.name}>
      ${part.name && html`<p class="group">${part.name}</p>`}
      <ul>${part.seen.map((one) => html`<li><span aria-hidden="true">✓</span> ${one}<span class="visually-hidden"> covered</span></li>`)}
        ${part.missing.map((one) => html`<li class="is-missing"><span aria-hidden="true">○</span> ${one}<span class="visually-hidden"> missing</span></li>`)}
        ${(part.undeclared ?? []).map((one) => html`<li><span class="mark is-flaw">${one} not declared</span></li>`)}</ul>
    </div>`)}
  </details>`;
}
