/** One run: its graph, its steps in time and its log, in step with each other, as of any event. */

import { html, useEffect, useMemo, useRef, useState } from "../preact.js";
import { control } from "../api.js";
import { useNow, worldNow } from "../clock.js";
import { useResource } from "../feed.js";
import { FINISHED, fold } from "../fold.js";
import { ago, dateTime, duration, preciseTime, scenarioFile } from "../format.js";
import { useKeys } from "../keys.js";
import { Copy, Dialog, Empty, Failure, Json, Menu, Panel, Status, StatusIcon, Table, report } from "../parts/basics.js";
import { Dag, Gantt } from "../parts/pictures.js";
import { go, href, replaceQuery } from "../router.js";
import { copy, snippets } from "../snippets.js";
import { toast } from "../store.js";
import { cancel, retry } from "./runs.js";

/** @param {{ route: Route }} props */
export function RunView({ route: { world, id, query } }) {
  const { data, error, reload } = useResource(() => control("GET", `runs/${id}`, { world }), [world, id], ["runs"]);
  if (error?.status === 404 || error?.status === 422)
    return html`<div class="page"><h1>Run</h1><${Empty} title="This run is not in the world ${world}"><p>The world may have been reset, or the run belongs to another one. <a href=${href({ view: "runs" })}>Show all runs</a>.</p><//></div>`;
  if (!data) return html`<div class="page"><h1>Run</h1>${error ? html`<${Failure} error=${error} />` : html`<p class="quiet-text" role="status">Reading the run…</p>`}</div>`;
  return html`<${RunPage} inspected=${data} world=${world} query=${query} error=${error} reload=${reload} />`;
}

/** @param {{ inspected: Inspection, world: string, query: Record<string, string>, error: any, reload: () => void }} props */
function RunPage({ inspected, world, query, error, reload }) {
  const length = inspected.log.length;
  const asked = Number(query.at);
  const live = !(query.at && asked >= 1 && asked < length);
  const at = live ? length : Math.floor(asked);
  const folded = useMemo(() => fold(inspected, at), [inspected, at]);
  const before = useMemo(() => (at > 1 ? fold(inspected, at - 1) : null), [inspected, at]);
  const [retrying, setRetrying] = useState(false);
  const finished = FINISHED.has(inspected.run.status);
  const now = useNow(finished || !live ? 0.2 : inspected.stepCount > 100 ? 1 : 4);
  const { run, steps } = folded;
  const selected = steps.some((step) => step.key === query.step) ? query.step : null;
  const step = steps.find((one) => one.key === selected) ?? null;
  const present = inspected.steps.steps.find((one) => one.key === selected) ?? null;
  const takes = useMemo(() => Object.fromEntries(inspected.definition.steps.map((one) => [one.key, one.takes])), [inspected.definition]);
  const slide = (/** @type {number} */ to) => replaceQuery({ at: to >= length ? null : String(Math.max(1, to)) });
  const select = (/** @type {string} */ key) => replaceQuery({ step: key === selected ? null : key });
  useKeys({
    "[": () => slide(at - 1),
    "]": () => slide(at + 1),
    c: () => !finished && cancel(world, inspected.run).then(reload),
    r: () => finished && setRetrying(true),
    Escape: () => (selected ? replaceQuery({ step: null }) : go({ view: "runs", query: {} })),
  });
  // As time passes only the bars move; the rest is drawn again when it changes.
  const graph = useMemo(() => html`<${Dag} steps=${steps} selected=${selected} onSelect=${select} takes=${takes} />`, [steps, selected, takes]);
  const log = useMemo(() => html`<${EventLog} log=${inspected.log} at=${at} selected=${selected} onSlide=${slide} />`, [inspected.log, at, selected]);
  const details = useMemo(
    () => html`<${Details} run=${run} before=${before} step=${step} steps=${steps} attempts=${folded.attempts} onSelect=${select} selected=${selected} />`,
    [folded, selected],
  );
  const end = run.completedAt ? Date.parse(run.completedAt) : live ? now : Date.parse(run.updatedAt);
  return html`<div class="page run">
    <header class="page-head">
      <div>
        <p class="crumb"><a href=${href({ view: "runs" })}>Runs</a></p>
        <h1>${inspected.automation}</h1>
        <p class="run-facts"><${Status} status=${run.status} />
          <span>${run.startedAt ? duration(end - Date.parse(run.startedAt)) : "not started"}</span>
          <span>${inspected.scenario}</span>
          <span>version ${run.versionNumber}</span>
          <span>${run.triggerType}</span>
          <span title=${dateTime(run.createdAt)}>created ${ago(run.createdAt, worldNow())}</span>
          <span class="id"><code>${run.id}</code><${Copy} text=${run.id} label="Copy id" /></span></p>
      </div>
      <${RunActions} world=${world} inspected=${inspected} selected=${present} onDone=${reload} onRetry=${() => setRetrying(true)} />
    </header>
    <${Failure} error=${error} />
    ${run.error && html`<p class="notice is-error" tabindex="0">${String(run.error.code ?? "error")}: ${String(run.error.message ?? JSON.stringify(run.error))}</p>`}
    <${Slider} log=${inspected.log} at=${at} live=${live} onSlide=${slide} />
    ${steps.length
      ? html`<${Panel} id="graph" title="Steps" aside=${html`<${Counts} steps=${steps} />`}>
          ${graph}
        <//>
        <${Panel} id="time" title="Time">
          <${Gantt} folded=${folded} definition=${inspected.definition} now=${now} selected=${selected} onSelect=${select} live=${live} />
        <//>`
      : html`<section class="panel"><p>This run has no steps: it completes as soon as it starts.</p></section>`}
    <div class="columns">${log}${details}</div>
    ${retrying && html`<${RetryDialog} world=${world} inspected=${inspected} selected=${selected} onClose=${() => setRetrying(false)} onDone=${reload} />`}
  </div>`;
}

/** @param {{ steps: Step[] }} props */
function Counts({ steps }) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const step of steps) counts[step.status] = (counts[step.status] ?? 0) + 1;
  return html`<span class="counts">${Object.entries(counts).map(([status, count]) => html`<span>${count} <${Status} status=${status} /></span>`)}</span>`;
}

/** @param {{ log: LogEvent[], at: number, live: boolean, onSlide: (to: number) => void }} props */
function Slider({ log, at, live, onSlide }) {
  const event = log[at - 1];
  const text = event ? `${event.event}${event.step ? `, ${event.step}` : ""}` : "";
  return html`<div class=${`slider ${live ? "" : "is-past"}`}>
    <button type="button" class="quiet" aria-label="One event back" title="One event back ([)" disabled=${at <= 1} onClick=${() => onSlide(at - 1)}>◀</button>
    <input type="range" min="1" max=${Math.max(1, log.length)} value=${at} aria-label="Time" aria-valuetext=${`Event ${at} of ${log.length}: ${text}`} onInput=${(/** @type {any} */ change) => onSlide(Number(change.target.value))} />
    <button type="button" class="quiet" aria-label="One event forth" title="One event forth (])" disabled=${live} onClick=${() => onSlide(at + 1)}>▶</button>
    <span class="slider-text"><b>${at}</b> of ${log.length} <span>${text}</span></span>
    ${live ? html`<span class="chip">Now</span>` : html`<button type="button" onClick=${() => onSlide(log.length)}>Back to now</button>`}
  </div>`;
}

/** @param {{ log: LogEvent[], at: number, selected: string | null, onSlide: (to: number) => void }} props */
function EventLog({ log, at, selected, onSlide }) {
  const list = useRef(/** @type {any} */ (null));
  const MAX = 600;
  const first = Math.max(0, Math.min(at - MAX / 2, log.length - MAX));
  useEffect(() => {
    const row = list.current?.querySelector("[aria-current]");
    if (row) list.current.scrollTop += row.getBoundingClientRect().top - list.current.getBoundingClientRect().top - list.current.clientHeight / 2;
  }, [at]);
  return html`<${Panel} id="events" class="log" title="Events" aside=${html`<span class="quiet-text">${log.length > MAX ? `${MAX} of ${log.length}` : log.length}</span>`}>
    <ol ref=${list}>
      ${log.slice(first, first + MAX).map((event) => {
        const status = event.event.split(".")[1].replace("created", "pending").replace("started", "running").replace("retried", "pending").replace("reset", "pending").replace("approved", "running").replace("cancel_requested", "running");
        return html`<li key=${event.id}><button type="button" class=${`${event.id > at ? "is-future" : ""} ${event.step && event.step === selected ? "is-selected" : ""}`} aria-current=${event.id === at ? "true" : undefined} onClick=${() => onSlide(event.id)}>
          <span class="number">${event.id}</span><time>${preciseTime(event.at)}</time><${StatusIcon} status=${status} /><span class="event">${event.event}</span><span class="step">${event.step ?? ""}</span>
        </button></li>`;
      })}
    </ol>
  <//>`;
}

/**
 * @param {{ run: Run, before: import("../fold.js").Folded | null, step: Step | null, steps: Step[], attempts: import("../fold.js").Folded["attempts"], onSelect: (key: string) => void, selected: string | null }} props
 */
function Details({ run, before, step, steps, attempts, onSelect, selected }) {
  const [tab, setTab] = useState("run");
  const shown = tab === "step" && !step ? "run" : tab;
  useEffect(() => setTab(step ? "step" : "run"), [selected]);
  const tabs = [["run", "Run"], ...(step ? [["step", `Step ${step.key}`]] : []), ["table", "Table"]];
  return html`<section class="panel details" aria-label="Data">
    <div class="tabs" role="tablist" aria-label="Data">${tabs.map(([name, text]) => html`<button type="button" role="tab" id=${`tab-${name}`} aria-controls="data" aria-selected=${name === shown ? "true" : "false"} onClick=${() => setTab(name)}>${text}</button>`)}</div>
    <div role="tabpanel" id="data" aria-labelledby=${`tab-${shown}`}>
      ${shown === "run" && html`<${Json} label="The run as JSON" value=${run} before=${before?.run} />`}
      ${shown === "step" && step && html`<${Json} label="The step as JSON" value=${step} before=${before?.steps.find((one) => one.key === step.key)} />`}
      ${shown === "table" && html`<${Table} label="Steps as a table" heads=${["Step", "Status", "Attempts", "Start", "Duration", "After"]}>${steps.map((one) => html`<tr key=${one.key}><th scope="row"><button type="button" class="link" onClick=${() => onSelect(one.key)}>${one.key}</button></th><td><${Status} status=${one.status} /></td><td>${attempts[one.key]?.length ?? 0}</td><td>${one.startedAt ? preciseTime(one.startedAt) : ""}</td><td>${one.durationSeconds != null ? duration(one.durationSeconds * 1000) : ""}</td><td>${one.dependsOn.slice(0, 4).join(", ")}${one.dependsOn.length > 4 ? ` and ${one.dependsOn.length - 4} more` : ""}</td></tr>`)}<//>`}
    </div>
  </section>`;
}

/** @param {string} name @param {string} text */
async function copied(name, text) {
  if (await copy(text)) toast(`Copied ${name}`);
  else toast("The browser does not permit copying.", "error");
}

/**
 * @param {{ world: string, inspected: Inspection, selected: Step | null, onDone: () => void, onRetry: () => void }} props
 */
function RunActions({ world, inspected, selected, onDone, onRetry }) {
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
function RetryDialog({ world, inspected, selected, onClose, onDone }) {
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
