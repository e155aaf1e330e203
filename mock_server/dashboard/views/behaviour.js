/** The open questions of the contract, and the answer that the mock gives to each. */

import { html, useState } from "../preact.js";
import { control } from "../api.js";
import { Failure, report } from "../parts/basics.js";
import { useResource } from "../resource.js";
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
    <header class="page-head"><div><h1>Behaviour</h1><p class="lead">The reference leaves ${questions.length || 22} questions open. The world ${world} answers them as follows${changed ? `; ${changed} differ from the default of the contract` : ", all as the contract does by default"}.</p></div></header>
    <${Failure} error=${library.error ?? current.error} />
    <section class="panel" aria-labelledby="profiles"><h2 id="profiles">Profiles</h2>
      <div class="switches">${profiles.map((/** @type {any} */ one) => html`<label class="switch" key=${one.name}><input type="checkbox" role="switch" disabled=${busy} checked=${one === profile} onChange=${() => choose(one === profile ? profiles.find((/** @type {any} */ other) => other.name === "default") : one)} /><span><b>${one.name}</b><small>${one.summary}</small></span></label>`)}</div>
    </section>
    <section class="panel" aria-labelledby="questions"><h2 id="questions">Open questions</h2>
      <div class="questions">${questions.map((/** @type {any} */ one) => {
        const first = Object.keys(one.answers)[0];
        const differs = answers[one.number] !== undefined && answers[one.number] !== first;
        return html`<fieldset key=${one.number} class=${`question ${differs ? "is-changed" : ""}`} ref=${(/** @type {HTMLElement | null} */ element) => element && query.at === one.number && !element.dataset.shown && (element.dataset.shown = "1") && element.scrollIntoView({ block: "center" })}>
          <legend><span class="visually-hidden">${one.number}: ${one.question}</span></legend>
          <span class="number" aria-hidden="true">${one.number}</span><span aria-hidden="true">${one.question}${differs ? html` <span class="mark">changed</span>` : ""}</span>
          <div class="answers">${Object.entries(one.answers).map(([answer, meaning]) => html`<label><input type="radio" name=${one.number} disabled=${busy} checked=${answers[one.number] === answer} onChange=${() => set({ [one.number]: answer }, { ...answers, [one.number]: answer }, `${one.number} is ${answer}`)} /><span>${meaning} <code class="quiet-text">${answer}</code>${answer === first ? html` <span class="quiet-text">default</span>` : ""}</span></label>`)}</div>
        </fieldset>`;
      })}</div>
    </section>
  </div>`;
}
