/** A graph of steps as a picture: what depends on what, and the status of each. */

import { html, useMemo } from "../preact.js";
import { duration, span } from "../format.js";
import { layout } from "../layout.js";
import { StatusIcon, word } from "./status.js";

const BIG = 60;

/**
 * @param {{ steps: Step[], selected: string | null, onSelect: (key: string) => void, takes?: Record<string, string> }} props
 */
export function Dag({ steps, selected, onSelect, takes = {} }) {
  const graph = steps.map((step) => `${step.key}<${step.dependsOn}`).join(";");
  const { places, columns, rows } = useMemo(() => layout(steps, steps.length > BIG ? 24 : 9), [graph]);
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
