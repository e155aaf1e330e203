/** The contract: its open questions with the answers in force, and which parts were exercised. */

import { html, useState } from "../preact.js";
import { control } from "../api.js";
import { Failure, Head, Panel, report } from "../parts/basics.js";
import { useResource } from "../feed.js";
import { toast } from "../store.js";

/** @param {{ route: Route }} props */
export function BehaviourView({ route: { world, query } }) {
  const library = useResource(() => control("GET", "questions"), [], []);
  const current = useResource(() => control("GET", "behaviour", { world }), [world], ["worlds", "runs"]);
  const [busy, setBusy] = useState(false);
  // What was chosen is shown at once, and replaced by what is in force.
  const [chosen, setChosen] = useState(/** @type {Record<string, string>} */ ({}));
  const set = async (/** @type {Record<string, string>} */ answers, /** @type {unknown} */ behaviour, /** @type {string} */ text) => {
    setBusy(true);
    setChosen(answers);
    try {
      await control("PUT", "behaviour", { world, body: { behaviour } });
      await current.reload();
      toast(text);
    } catch (error) {
      report(error);
    }
    setChosen({});
    setBusy(false);
  };
  const answers = /** @type {Record<string, string>} */ ({ ...current.data?.answers, ...chosen });
  const profiles = library.data?.profiles ?? [];
  const profile = profiles.find((/** @type {any} */ one) => Object.entries(answers).every(([number, answer]) => one.answers[number] === answer));
  const choose = (/** @type {any} */ one) => set(one.answers, one.name, `The behaviour is ${one.name}`);
  const questions = library.data?.questions ?? [];
  const changed = questions.filter((/** @type {any} */ one) => answers[one.number] !== Object.keys(one.answers)[0]).length;
  return html`<div class="page behaviour">
    <${Head} title="Behaviour" lead=${`The reference leaves ${questions.length || 22} questions open. The world ${world} answers them as follows${changed ? `; ${changed} differ from the default of the contract` : ", all as the contract does by default"}.`}><//>
    <${Failure} error=${library.error ?? current.error} />
    <${Panel} id="profiles" title="Profiles">
      <div class="switches">${profiles.map((/** @type {any} */ one) => html`<label class="switch" key=${one.name}><input type="checkbox" role="switch" disabled=${busy} checked=${one === profile} onChange=${() => choose(one === profile ? profiles.find((/** @type {any} */ other) => other.name === "default") : one)} /><span><b>${one.name}</b><small>${one.summary}</small></span></label>`)}</div>
    <//>
    <${Panel} id="questions" title="Open questions">
      <div class="questions">${questions.map((/** @type {any} */ one) => {
        const first = Object.keys(one.answers)[0];
        const differs = answers[one.number] !== undefined && answers[one.number] !== first;
        return html`<fieldset key=${one.number} class=${`question ${differs ? "is-changed" : ""}`} ref=${(/** @type {HTMLElement | null} */ element) => element && query.at === one.number && !element.dataset.shown && (element.dataset.shown = "1") && element.scrollIntoView({ block: "center" })}>
          <legend><span class="visually-hidden">${one.number}: ${one.question}</span></legend>
          <span class="number" aria-hidden="true">${one.number}</span><span aria-hidden="true">${one.question}${differs ? html` <span class="mark">changed</span>` : ""}</span>
          <div class="answers">${Object.entries(one.answers).map(([answer, meaning]) => html`<label><input type="radio" name=${one.number} disabled=${busy} checked=${answers[one.number] === answer} onChange=${() => set({ [one.number]: answer }, { ...answers, [one.number]: answer }, `${one.number} is ${answer}`)} /><span>${meaning} <code class="quiet-text">${answer}</code>${answer === first ? html` <span class="quiet-text">default</span>` : ""}</span></label>`)}</div>
        </fieldset>`;
      })}</div>
    <//>
  </div>`;
}

/** @param {{ route: Route }} props */
export function CoverageView({ route: { world } }) {
  const { data, error, reload } = useResource(() => control("GET", "coverage", { world }), [world], ["requests"]);
  const clear = () => control("DELETE", "coverage", { world }).then(reload, report);
  return html`<div class="page coverage">
    <${Head} title="Coverage" lead=${`Which parts of the contract your client has exercised in the world ${world} since it was opened, reset or cleared.`}><button type="button" onClick=${clear}>Clear</button><//>
    <${Failure} error=${error} />
    ${data && html`
      <${Panel} id="all" title=${`${data.seen} of ${data.of} parts`} aside=${html`<span class="quiet-text">${percent(data.seen, data.of)} %</span>`}>
        <${Meter} seen=${data.seen} of=${data.of} name="All parts" />
        ${data.seen === 0 && html`<p class="quiet-text">Nothing yet: send requests to the API with the credential <code>${world}</code>, and this tree fills by itself.</p>`}<//>
      <${Panel} id="operations" class="tree" title="Operations">
        ${data.operations.map((/** @type {any} */ one) => html`<${Branch} key=${one.operation} name=${html`<b>${one.method}</b> ${one.path} <span class="quiet-text">${one.operation}, ${one.requests} ${one.requests === 1 ? "request" : "requests"}</span>`} title=${one.operation} parts=${[{ ...one.statuses, name: "Status codes" }, { ...one.parameters, name: "Parameters" }]} />`)}
      <//>
      <${Panel} id="values" class="tree" title="Values">
        <${Branch} name="Sent by the client" title="Sent" parts=${data.sent} />
        <${Branch} name="Received by the client" title="Received" parts=${data.received} />
        <${Branch} name="Events of streams" title="Events" parts=${[data.events]} />
        <${Branch} name="Credentials" title="Credentials" parts=${[data.credentials]} />
      <//>`}
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
