/** A new run: the scenarios as pictures, and their steps to change before the start. */

import { html, useEffect, useState } from "../preact.js";
import { control } from "../api.js";
import { layout } from "../parts/pictures.js";
import { useKeys } from "../keys.js";
import { Dialog, Failure, Head, Table, report } from "../parts/basics.js";
import { useResource } from "../feed.js";
import { go, href } from "../router.js";
import { toast } from "../store.js";

const OUTCOMES = ["succeeds", "fails", "hangs", "awaits decision"];

/** @param {{ route: Route }} props */
export function NewRun({ route: { world, id } }) {
  const { data, error } = useResource(() => control("GET", "scenarios"), [], []);
  const start = async (/** @type {string} */ name) => {
    try {
      const run = await control("POST", "runs", { world, body: { scenario: name } });
      toast(`Started ${name}`);
      go({ view: "runs", id: run.id, query: {} });
    } catch (problem) {
      report(problem);
    }
  };
  useKeys({ Escape: () => go({ view: "runs" }) });
  return html`<div class="page new">
    <${Head} title="New run" lead="Choose a scenario: the course that the run takes."><a class="button" href=${href({ view: "new", id: "own" })}>Write your own</a><//>
    <${Failure} error=${error} />
    <ul class="gallery">
      ${data?.items.map((/** @type {ScenarioSummary} */ one) => html`<li key=${one.name} class="card">
        <${Thumbnail} scenario=${one} />
        <h2>${one.name}</h2>
        <p>${one.summary}</p>
        <footer><span class="quiet-text">${one.steps} ${one.steps === 1 ? "step" : "steps"}</span>
          <a class="button" href=${href({ view: "new", id: one.name })} aria-label=${`Change and start ${one.name}`}>Change…</a>
          <button type="button" class="primary" aria-label=${`Start ${one.name}`} onClick=${() => start(one.name)}>Start</button></footer>
      </li>`)}
    </ul>
    ${id === "own" ? html`<${Own} world=${world} />` : id && html`<${Change} key=${id} world=${world} name=${id} />`}
  </div>`;
}

/** @param {{ scenario: ScenarioSummary }} props */
function Thumbnail({ scenario }) {
  const keys = scenario.stepKeys;
  const nodes = keys.map((key, index) => ({ key, dependsOn: scenario.dependsOn[index].map((need) => keys[need]) }));
  const { places, columns, rows } = layout(nodes, Math.max(6, Math.ceil(Math.sqrt(nodes.length) / 1.4)));
  const [width, height] = [Math.max(columns, 2) * 30, Math.max(rows, 3) * 18];
  const at = (/** @type {string} */ key) => {
    const place = places.get(key) ?? { x: 0, y: 0 };
    return [(place.x + 0.5) * (width / Math.max(columns, 1)), (place.y + 0.5) * (height / Math.max(rows, 1))];
  };
  const edges = nodes.flatMap((node) => node.dependsOn.map((need) => [need, node.key]));
  const r = 6;
  return html`<svg class="thumbnail" viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${`Graph of ${scenario.steps} steps`}>
    ${edges.length <= 120 && edges.map(([from, to]) => html`<path d=${`M${at(from)}L${at(to)}`} />`)}
    ${nodes.map(({ key }) => html`<circle cx=${at(key)[0]} cy=${at(key)[1]} r=${r} />`)}
    ${!nodes.length && html`<text x=${width / 2} y=${height / 2 + 4} text-anchor="middle">no steps</text>`}
  </svg>`;
}

/** @param {{ world: string, name: string }} props */
function Change({ world, name }) {
  const [definition, setDefinition] = useState(/** @type {Definition | null} */ (null));
  const [changes, setChanges] = useState(/** @type {Record<string, Record<string, unknown>>} */ ({}));
  const close = () => go({ view: "new" });
  useEffect(() => {
    control("GET", `scenarios/${encodeURIComponent(name)}`).then((found) => setDefinition(found.definition), (error) => {
      report(error);
      close();
    });
  }, [name]);
  if (!definition) return null;
  const set = (/** @type {string} */ key, /** @type {string} */ field, /** @type {unknown} */ value) =>
    setChanges((before) => ({ ...before, [key]: { ...before[key], [field]: value } }));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const run = await control("POST", "runs", { world, body: { scenario: name, changes } });
      go({ view: "runs", id: run.id, query: {} });
    } catch (error) {
      report(error);
    }
  };
  const shown = definition.steps.slice(0, 100);
  return html`<${Dialog} title=${`Start ${name}`} class="wide" onClose=${close}>
    <form class="form" onSubmit=${submit}>
      <p>${definition.summary}</p>
      <${Table} label="Steps" heads=${["Step", "Takes", "Outcome"]}>${shown.map((step) => html`<tr key=${step.key}>
          <th scope="row">${step.name}<br /><code>${step.key}</code></th>
          <td><input aria-label=${`Duration of ${step.key}`} size="10" pattern="[0-9.]+(ms|s|m|h|d)([.][.][0-9.]+(ms|s|m|h|d))?" value=${step.takes} onChange=${(/** @type {any} */ event) => set(step.key, "takes", event.target.value)} /></td>
          <td><select aria-label=${`Outcome of ${step.key}`} onChange=${(/** @type {any} */ event) => set(step.key, "outcome", event.target.value.split(", "))}>
            ${[...new Set([step.outcome.join(", "), ...OUTCOMES])].map((one) => html`<option value=${one}>${one}</option>`)}
          </select></td></tr>`)}<//>
      ${definition.steps.length > shown.length && html`<p class="quiet-text">The first ${shown.length} of ${definition.steps.length} steps; the control API changes any of them.</p>`}
      <footer><button type="submit" class="primary">Start</button></footer>
    </form>
  <//>`;
}

const EXAMPLE = {
  summary: "Mine",
  automation: { name: "Mine" },
  waits: "1s",
  steps: [
    { key: "fetch", takes: "2s" },
    { key: "check", takes: "1s", dependsOn: ["fetch"], outcome: ["fails", "succeeds"] },
    { key: "store", takes: "3s", dependsOn: ["check"], result: { rows: 12 } },
  ],
};

/**
 * Return the scenario of a text as in the gallery, null for an incomplete one.
 * @param {string} text
 * @returns {ScenarioSummary | null}
 */
function summarize(text) {
  try {
    const steps = /** @type {any[]} */ (JSON.parse(text).steps);
    const stepKeys = steps.map((step) => String(step.key));
    const dependsOn = steps.map((step) => (step.dependsOn ?? []).map((/** @type {string} */ key) => stepKeys.indexOf(key)));
    // A step may only depend on one above it here, so that a circle is never drawn.
    if (dependsOn.some((needs, index) => needs.some((/** @type {number} */ need) => need < 0 || need >= index))) return null;
    return { name: "own", summary: "", steps: steps.length, stepKeys, dependsOn };
  } catch {
    return null;
  }
}

/** @param {{ world: string }} props */
function Own({ world }) {
  const [text, setText] = useState(JSON.stringify(EXAMPLE, null, 2));
  const [problem, setProblem] = useState("");
  const preview = summarize(text);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const run = await control("POST", "runs", { world, body: { scenario: JSON.parse(text) } });
      go({ view: "runs", id: run.id, query: {} });
    } catch (error) {
      setProblem(/** @type {Error} */ (error).message);
    }
  };
  return html`<${Dialog} title="Your own scenario" class="wide" onClose=${() => go({ view: "new" })}>
    <form class="form" onSubmit=${submit}>
      <label>Scenario as JSON, with the keys of a scenario file
        <textarea rows="18" spellcheck="false" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)}></textarea></label>
      ${preview && html`<${Thumbnail} scenario=${preview} />`}
      ${problem && html`<p class="notice is-error" role="alert">${problem}</p>`}
      <p class="quiet-text">To keep it, save it as a file and start the mock with <code>--scenarios DIRECTORY</code>; it then appears in this gallery.</p>
      <footer><button type="submit" class="primary">Start</button></footer>
    </form>
  <//>`;
}
