/** The first screen: what to call, with which credential, and the newest runs as they live. */

import { html } from "../preact.js";
import { RUNS, address, control, origin } from "../api.js";
import { useNow } from "../clock.js";
import { CodeLine, Copy, Failure, Panel } from "../parts/basics.js";
import { useResource } from "../feed.js";
import { href } from "../router.js";
import { declared, version } from "../store.js";
import { RunRow } from "./runs.js";

/** @type {[string, string, string][]} */
const LINKS = [
  ["docs", "Contract", "Swagger UI: read the six operations and call them"],
  ["openapi.yaml", "OpenAPI 3.0", "The contract for tools; also 3.1 and 3.2 as JSON"],
  ["arazzo.yaml", "Workflows", "Arazzo: watch, cancel, retry, resume"],
  ["docs/control", "Control API", "Everything this page does, for scripts and tests"],
  ["_mock/health", "Health", "Version, uptime, open worlds and streams"],
];

/** @param {{ route: Route }} props */
export function Start({ route: { world } }) {
  const now = useNow(1);
  const { data, error } = useResource(() => control("GET", "runs", { world, query: { limit: 6 } }), [world], ["runs"]);
  const curl = `curl -H 'X-API-Key: ${world}' '${address(RUNS)}?status=running'`;
  return html`<div class="page start">
    <header class="page-head"><div><h1>Automation runs mock</h1>
      <p class="lead">A stateful mock of the Automation runs API: runs wait, execute steps, fail, are cancelled and retried. <span class="quiet-text">Version ${version}</span></p></div></header>
    <${Panel} id="call" title="Call it">
      <${CodeLine} text=${curl} label="Copy command" />
      <dl class="facts">
        <div><dt>Base URL</dt><dd><code>${origin}</code> <${Copy} text=${origin} label="Copy URL" /></dd></div>
        <div><dt>Credential</dt><dd><code>X-API-Key: ${world}</code>, <code>Authorization: Bearer ${world}</code> or the cookie <code>vai_token=${world}</code></dd></div>
        <div><dt>Worlds</dt><dd>${declared.map((name) => html`<code>${name}</code>, `)}or any name that begins with <code>test-</code>; each has its own runs and clock</dd></div>
        <div><dt>Errors</dt><dd><code>expired</code>, <code>forbidden</code> and <code>limited</code> return 401, 403 and 429</dd></div>
      </dl>
    <//>
    <${Panel} id="living" title=${`Newest runs in ${world}`} aside=${html`<span><a href=${href({ view: "new" })}>New run</a> <a href=${href({ view: "runs" })}>All ${data?.total ?? ""} runs</a></span>`}>
      <${Failure} error=${error} />
      ${data && !data.items.length && html`<p>This world has no runs. <a href=${href({ view: "new" })}>Start the first one</a>, or reset the world with <a href=${href({ view: "state" })}>demo data</a>.</p>`}
      <div class="rows" role="list" aria-label="Newest runs">${data?.items.map((/** @type {Overview} */ item) => html`<div role="listitem" key=${item.run.id}><${RunRow} item=${item} now=${now} /></div>`)}</div>
    <//>
    <${Panel} id="documents" title="Documents">
      <ul class="links">${LINKS.map(([path, name, text]) => html`<li><a href=${address(path)}>${name}</a><span>${text}</span></li>`)}</ul>
    <//>
  </div>`;
}
