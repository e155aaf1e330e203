/** What can be done with a run: steer it, retry it, and take it along as code. */

import { html, useState } from "../preact.js";
import { control } from "../api.js";
import { FINISHED } from "../fold.js";
import { scenarioFile } from "../format.js";
import { copy, snippets } from "../snippets.js";
import { toast } from "../store.js";
import { cancel, retry } from "../views/runs.js";
import { Dialog, Menu, report } from "./basics.js";

/** @param {string} name @param {string} text */
async function copied(name, text) {
  if (await copy(text)) toast(`Copied ${name}`);
  else toast("The browser does not permit copying.", "error");
}

/**
 * @param {{ world: string, inspected: Inspection, selected: Step | null, onDone: () => void, onRetry: () => void }} props
 */
export function RunActions({ world, inspected, selected, onDone, onRetry }) {
  const { run } = inspected;
  const finished = FINISHED.has(run.status);
  const waiting = inspected.steps.steps.filter((step) => step.status === "awaiting_approval");
  const steer = async (/** @type {string} */ path, /** @type {unknown} */ body) => {
    try {
      await control("POST", `runs/${run.id}/${path}`, { world, body });
      onDone();
    } catch (error) {
      report(error);
    }
  };
  const link = async () => {
    try {
      const made = await control("POST", "repro", { world, body: { runs: [run.id] } });
      copied("a link that opens a copy of this run", made.link);
    } catch (error) {
      report(error);
    }
  };
  const running = selected?.status === "running";
  return html`<div class="actions">
    ${waiting.map((step) => html`<span class="decision">${step.name}:
      <button type="button" class="primary" onClick=${() => steer("decision", { approved: true, step: step.key })}>Approve</button>
      <button type="button" onClick=${() => steer("decision", { approved: false, step: step.key })}>Reject</button></span>`)}
    ${finished
      ? html`<button type="button" class="primary" title="Retry (r)" onClick=${onRetry}>Retry…</button>`
      : html`<button type="button" title="Cancel (c)" onClick=${() => cancel(world, run).then(onDone)}>Cancel</button>`}
    <${Menu} label="Force" items=${[
      ...(selected
        ? [
            { name: `Complete ${selected.key}`, disabled: !running, title: running ? undefined : "A step must be running", act: () => steer("outcome", { outcome: "completed", step: selected.key }) },
            { name: `Fail ${selected.key}`, disabled: !running, danger: true, title: running ? undefined : "A step must be running", act: () => steer("outcome", { outcome: "failed", step: selected.key }) },
          ]
        : []),
      { name: "Complete the run", disabled: finished, act: () => steer("outcome", { outcome: "completed" }) },
      { name: "Fail the run", disabled: finished, danger: true, act: () => steer("outcome", { outcome: "failed" }) },
      { name: "End as cancelled", disabled: finished, act: () => steer("outcome", { outcome: "cancelled" }) },
    ]} />
    <${Menu} label="Copy as" class="is-right" items=${[
      ...snippets(world, inspected).map((one) => ({ name: one.name, act: () => copied(one.name, one.text) })),
      { name: "Scenario (YAML)", act: () => copied("the scenario", scenarioFile(inspected.definition)) },
      { name: "Link to this situation", act: link },
    ]} />
  </div>`;
}

/** @type {[string, string][]} */
const MODES = [
  ["from_failed", "The failed steps and their dependents"],
  ["from_step", "One step and its dependents"],
  ["full", "Every step"],
];

/**
 * @param {{ world: string, inspected: Inspection, selected: string | null, onClose: () => void, onDone: () => void }} props
 */
export function RetryDialog({ world, inspected, selected, onClose, onDone }) {
  const steps = inspected.steps.steps;
  const failed = steps.some((step) => step.status === "failed");
  const [mode, setMode] = useState(selected ? "from_step" : failed ? "from_failed" : "full");
  const [step, setStep] = useState(selected ?? steps[0]?.key ?? "");
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    onClose();
    await retry(world, inspected.run, mode === "from_step" ? { mode, stepKey: step } : { mode });
    onDone();
  };
  return html`<${Dialog} title="Retry the run" onClose=${onClose}>
    <form class="form" onSubmit=${submit}>
      <fieldset><legend>What to run again</legend>
        ${MODES.map(([value, text]) => html`<label class="check"><input type="radio" name="mode" value=${value} checked=${value === mode} onChange=${() => setMode(value)} /><span><code>${value}</code> ${text}</span></label>`)}
      </fieldset>
      ${mode === "from_step" && html`<label>Step, also chosen in the graph
        <select value=${step} onChange=${(/** @type {any} */ event) => setStep(event.target.value)}>${steps.map((one) => html`<option value=${one.key} selected=${one.key === step}>${one.name} (${one.key})</option>`)}</select></label>`}
      <footer><button type="submit" class="primary">Retry</button></footer>
    </form>
  <//>`;
}
