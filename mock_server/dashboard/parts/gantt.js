/** Steps in time: each attempt as a bar to scale, and what is scheduled as a dashed one. */

import { html, useMemo } from "../preact.js";
import { duration, preciseTime, span } from "../format.js";
import { word } from "./status.js";

const TICKS = 5;

/**
 * @param {{ folded: import("../fold.js").Folded, definition: Definition, now: number, selected: string | null, onSelect: (key: string) => void, live: boolean }} props
 */
export function Gantt({ folded, definition, now, selected, onSelect, live }) {
  const { run, steps, attempts } = folded;
  const start = Date.parse(run.createdAt);
  const at = live ? (run.completedAt ? Date.parse(run.completedAt) : Math.max(now, start)) : Date.parse(run.updatedAt);
  const plan = useMemo(() => schedule(folded, definition, at), [folded, live ? 0 : at, run.completedAt ? 0 : Math.floor(at / 1000)]);
  const ends = [at, ...plan.values()].map((one) => (typeof one === "number" ? one : one.end));
  const end = Math.max(start + 1000, ...ends);
  const x = (/** @type {number} */ ms) => `${(100 * (ms - start)) / (end - start)}%`;
  const width = (/** @type {number} */ from, /** @type {number} */ to) => `max(2px, ${(100 * (to - from)) / (end - start)}%)`;
  const ticks = Array.from({ length: TICKS }, (_, index) => start + ((end - start) * index) / (TICKS - 1));
  return html`<div class="gantt">
    <div class="gantt-axis" aria-hidden="true"><span></span><div>${ticks.map((tick, index) => html`<span class=${index === TICKS - 1 ? "is-last" : ""} style=${{ left: x(tick) }}>${index ? `+${duration(tick - start)}` : preciseTime(start).slice(0, 8)}</span>`)}</div></div>
    <div class="gantt-rows">
      ${steps.map((step) => {
        const tries = attempts[step.key] ?? [];
        const planned = plan.get(step.key);
        const described = tries.map((one, index) => `attempt ${index + 1} ${word(one.status)}${one.end ? ` after ${duration(one.end - one.start)}` : ""}`).join(", ");
        return html`<button type="button" key=${step.key} class=${`gantt-row ${step.key === selected ? "is-selected" : ""}`} aria-pressed=${step.key === selected ? "true" : "false"} onClick=${() => onSelect(step.key)}>
          <span class="gantt-name">${step.name}<span class="visually-hidden">: ${described || word(step.status)}</span></span>
          <span class="gantt-lane" style=${{ height: `${Math.max(1, tries.length) * 10 + 8}px` }}>
            ${tries.map((one, index) => {
              const to = one.end ?? Math.max(at, one.start);
              return html`<span class=${`bar is-${one.end === null && one.status === "pending" ? "cancelled" : one.status}`} title=${`Attempt ${index + 1}: ${word(one.status)}, ${duration(to - one.start)}`} style=${{ left: x(one.start), width: width(one.start, to), top: `${4 + index * 10}px` }}></span>`;
            })}
            ${planned && html`<span class="bar is-planned" title=${`Scheduled: ${duration(planned.end - planned.start)}`} style=${{ left: x(planned.start), width: width(planned.start, planned.end), top: `${4 + Math.max(0, tries.length - (step.status === "running" ? 1 : 0)) * 10}px` }}></span>`}
          </span>
        </button>`;
      })}
      <div class="gantt-now" aria-hidden="true"><i style=${{ left: x(at) }}></i></div>
    </div>
  </div>`;
}

/**
 * Return when the steps that are not finished are expected to run, by key.
 * @param {import("../fold.js").Folded} folded
 * @param {Definition} definition
 * @param {number} at
 */
function schedule({ run, steps }, definition, at) {
  /** @type {Map<string, { start: number, end: number }>} */
  const plan = new Map();
  if (run.completedAt) return plan;
  const takes = new Map(definition.steps.map((step) => [step.key, span(step.takes)]));
  const outcomes = new Map(definition.steps.map((step) => [step.key, step.outcome]));
  const wait = run.startedAt ? at : Math.max(at, Date.parse(run.updatedAt) + span(definition.waits));
  /** @type {Map<string, number>} */
  const ends = new Map();
  for (const step of inOrder(steps)) {
    const length = takes.get(step.key) ?? 0;
    if (step.completedAt) ends.set(step.key, Date.parse(step.completedAt));
    else if (step.status === "running" && step.startedAt) {
      const end = Math.max(at, Date.parse(step.startedAt) + length);
      if (!outcomes.get(step.key)?.includes("hangs") && end > at) plan.set(step.key, { start: at, end });
      ends.set(step.key, end);
    } else if (step.status === "pending") {
      const start = Math.max(wait, ...step.dependsOn.map((key) => ends.get(key) ?? at));
      plan.set(step.key, { start, end: start + length });
      ends.set(step.key, start + length);
    }
  }
  return plan;
}

/** @param {Step[]} steps */
function inOrder(steps) {
  const left = new Map(steps.map((step) => [step.key, step]));
  const sorted = [];
  while (left.size) {
    const ready = [...left.values()].filter((step) => step.dependsOn.every((key) => !left.has(key)));
    if (!ready.length) break;
    for (const step of ready) {
      sorted.push(step);
      left.delete(step.key);
    }
  }
  return sorted;
}

/**
 * A run in a row of the list.
 * @param {{ item: Overview, now: number }} props
 */
export function MiniGantt({ item, now }) {
  const { run, bars } = item;
  const start = Date.parse(run.startedAt ?? run.createdAt);
  const finished = run.completedAt ? Date.parse(run.completedAt) : now;
  const end = Math.max(start + 1, finished);
  const started = bars.filter((bar) => bar.startedAt);
  const h = 18 / Math.max(started.length, 3);
  const done = bars.filter((bar) => bar.status === "completed").length;
  return html`<svg class="mini" viewBox="0 0 100 18" preserveAspectRatio="none" role="img" aria-label=${`${done} of ${item.stepCount} steps completed`}>
    <rect class="ground" width="100" height="18" />
    ${started.map((bar, index) => {
      const from = (100 * Math.max(0, Date.parse(/** @type {string} */ (bar.startedAt)) - start)) / (end - start);
      const to = bar.completedAt ? (100 * (Date.parse(bar.completedAt) - start)) / (end - start) : 100;
      return html`<rect class=${`is-${bar.status}`} x=${from} y=${index * h} width=${Math.max(1.5, to - from)} height=${Math.max(h - 0.8, 0.5)} />`;
    })}
  </svg>`;
}
