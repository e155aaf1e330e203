/** Pictures of runs: the graph of steps with the status of each, and the steps in time. */

import { html, useMemo } from "../preact.js";
import { duration, preciseTime, span } from "../format.js";
import { StatusIcon, word } from "./basics.js";

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

const BIG = 60;

/**
 * @param {{ steps: Step[], selected: string | null, onSelect: (key: string) => void, takes?: Record<string, string> }} props
 */
export function Dag({ steps, selected, onSelect, takes = {} }) {
  const graph = steps.map((step) => `${step.key}<${step.dependsOn}`).join(";");
  const { places, columns, rows } = useMemo(() => layout(steps, steps.length > BIG ? 24 : 13), [graph]);
  const big = steps.length > BIG;
  const flat = !big && rows > 6;
  const [w, h, gapX, gapY] = big ? [64, 16, 14, 4] : flat ? [168, 26, 28, 8] : [178, 42, 40, 14];
  const width = columns * (w + gapX) - gapX + 4;
  const height = rows * (h + gapY) - gapY + 4;
  const at = (/** @type {string} */ key) => {
    const place = places.get(key) ?? { x: 0, y: 0 };
    return { x: 2 + place.x * (w + gapX), y: 2 + place.y * (h + gapY) };
  };
  const edges = steps.flatMap((step) => step.dependsOn.map((need) => ({ need, key: step.key, status: step.status })));
  const shown = edges.length > 400 ? edges.filter((edge) => edge.key === selected || edge.need === selected) : edges;
  const move = (/** @type {KeyboardEvent} */ event, /** @type {string} */ key) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onSelect(key);
      return;
    }
    const next = neighbour(steps, places, key, event.key);
    if (!next) return;
    event.preventDefault();
    onSelect(next);
    const svg = /** @type {Element} */ (event.currentTarget).closest("svg");
    /** @type {any} */ (svg?.querySelector(`[data-key="${CSS.escape(next)}"]`))?.focus();
  };
  const entry = selected && places.has(selected) ? selected : steps[0]?.key;
  return html`<div class=${`dag ${big ? "is-big" : ""}`} tabindex=${big ? 0 : undefined} role=${big ? "region" : undefined} aria-label=${big ? "Graph of the steps, scrollable" : undefined}>
    <svg role="group" aria-label=${`Graph of ${steps.length} steps`} width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`}>
      <g class=${edges.length > 60 ? "edges is-many" : "edges"} aria-hidden="true">
        ${shown.map(({ need, key, status }) => {
          const from = at(need);
          const to = at(key);
          const [x1, y1, x2, y2] = [from.x + w, from.y + h / 2, to.x, to.y + h / 2];
          const bend = Math.max(16, (x2 - x1) / 2);
          const on = key === selected || need === selected;
          return html`<path key=${`${need}>${key}`} class=${`${on ? "is-on" : ""} ${status === "pending" || status === "skipped" ? "is-idle" : ""}`} d=${`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`} />`;
        })}
      </g>
      ${steps.map((step) => {
        const { x, y } = at(step.key);
        const note = step.durationSeconds != null ? duration(step.durationSeconds * 1000) : step.status === "pending" && takes[step.key] ? `takes ${duration(span(takes[step.key]))}` : word(step.status);
        const label = `${step.name} (${step.key}), ${word(step.status)}${step.dependsOn.length ? `, after ${step.dependsOn.slice(0, 5).join(", ")}` : ""}`;
        return html`<g key=${step.key} transform=${`translate(${x} ${y})`}>
          <g class=${`node is-${step.status} ${step.key === selected ? "is-selected" : ""}`} role="button" tabindex=${step.key === entry ? 0 : -1} aria-pressed=${step.key === selected ? "true" : "false"} aria-label=${label} data-key=${step.key}
            onClick=${() => onSelect(step.key)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => move(event, step.key)}>
            <title>${label}</title><rect width=${w} height=${h} rx=${big ? 3 : 8} />
          </g>
          <g class="node-text" aria-hidden="true">${big
            ? html`<text x="5" y="11.5">${clip(step.key, 9)}</text>`
            : flat
              ? html`<g transform="translate(8 6)"><${StatusIcon} status=${step.status} /></g><text x="28" y="17.5">${clip(step.name, 17)}</text>`
              : html`<g transform="translate(11 14)"><${StatusIcon} status=${step.status} /></g><text x="33" y="18">${clip(step.name, 18)}</text><text class="note" x="33" y="32">${clip(note, 22)}</text>`}</g>
        </g>`;
      })}
    </svg>
  </div>`;
}

/** @param {string} text @param {number} length */
const clip = (text, length) => ([...text].length > length ? `${[...text].slice(0, length - 1).join("")}…` : text);

/**
 * @param {Step[]} steps
 * @param {Map<string, { x: number, y: number }>} places
 * @param {string} key
 * @param {string} pressed
 */
function neighbour(steps, places, key, pressed) {
  const here = places.get(key);
  if (!here || !pressed.startsWith("Arrow")) return null;
  const [dx, dy] = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] })[pressed];
  let best = null;
  let bestDistance = Infinity;
  for (const step of steps) {
    const there = places.get(step.key);
    if (!there || step.key === key) continue;
    const [x, y] = [there.x - here.x, there.y - here.y];
    if (dx ? x * dx <= 0 : x !== 0 || y * dy <= 0) continue;
    const distance = Math.abs(x) * 3 + Math.abs(y);
    if (distance < bestDistance) [best, bestDistance] = [step.key, distance];
  }
  return best;
}

/**
 * @typedef {{ key: string, dependsOn: string[] }} Node
 * @typedef {{ x: number, y: number, layer: number }} Place
 * @typedef {{ places: Map<string, Place>, columns: number, rows: number }} Layout
 */

/**
 * Return a column and a row for each node; rows of short layers are centred. A layer of more than
 * `maxRows` is split into several columns.
 * @param {Node[]} nodes
 * @param {number} maxRows
 * @returns {Layout}
 */
export function layout(nodes, maxRows) {
  const layers = split(nodes);
  order(layers, nodes);
  const columns = layers.flatMap((layer) => chunks(layer, maxRows));
  const rows = Math.max(1, ...columns.map((column) => column.length));
  /** @type {Map<string, Place>} */
  const places = new Map();
  const layerOf = new Map(layers.flatMap((layer, index) => layer.map((key) => /** @type {[string, number]} */ ([key, index]))));
  columns.forEach((column, x) => {
    const top = (rows - column.length) / 2;
    column.forEach((key, index) => places.set(key, { x, y: top + index, layer: layerOf.get(key) ?? 0 }));
  });
  return { places, columns: columns.length, rows };
}

/**
 * @param {Node[]} nodes
 * @returns {string[][]} keys by the length of the longest path that leads to them
 */
function split(nodes) {
  const byKey = new Map(nodes.map((node) => [node.key, node]));
  /** @type {Map<string, number>} */
  const depths = new Map();
  for (const start of nodes) {
    // Without recursion: a chain may have thousands of steps.
    const stack = [start];
    while (stack.length) {
      const node = stack[stack.length - 1];
      const open = node.dependsOn.filter((key) => byKey.has(key) && !depths.has(key));
      if (open.length && !depths.has(node.key)) {
        stack.push(.../** @type {Node[]} */ (open.map((key) => byKey.get(key))));
        continue;
      }
      depths.set(node.key, Math.max(0, ...node.dependsOn.map((key) => (depths.get(key) ?? -1) + 1)));
      stack.pop();
    }
  }
  /** @type {string[][]} */
  const layers = [];
  for (const { key } of nodes) (layers[depths.get(key) ?? 0] ??= []).push(key);
  return layers;
}

/**
 * Sort each layer by the middle of the neighbours, forth and back.
 * @param {string[][]} layers
 * @param {Node[]} nodes
 */
function order(layers, nodes) {
  const up = new Map(nodes.map((node) => [node.key, node.dependsOn]));
  /** @type {Map<string, string[]>} */
  const down = new Map();
  for (const node of nodes) for (const need of node.dependsOn) down.set(need, [...(down.get(need) ?? []), node.key]);
  /** @type {Map<string, number>} */
  const at = new Map();
  const place = (/** @type {string[]} */ layer) => layer.forEach((key, index) => at.set(key, index - layer.length / 2));
  layers.forEach(place);
  for (let turn = 0; turn < 4; turn++) {
    const forth = turn % 2 === 0;
    for (const layer of forth ? layers : [...layers].reverse()) {
      const weight = new Map(layer.map((key) => {
        const near = ((forth ? up : down).get(key) ?? []).map((one) => at.get(one) ?? 0);
        return [key, near.length ? near.reduce((a, b) => a + b, 0) / near.length : at.get(key) ?? 0];
      }));
      layer.sort((a, b) => /** @type {number} */ (weight.get(a)) - /** @type {number} */ (weight.get(b)));
      place(layer);
    }
  }
}

/**
 * Return parts of about the same length, none longer than `length`.
 * @template T
 * @param {T[]} items
 * @param {number} length
 */
function chunks(items, length) {
  const even = Math.ceil(items.length / Math.ceil(items.length / length));
  const found = [];
  for (let i = 0; i < items.length; i += even) found.push(items.slice(i, i + even));
  return found;
}
