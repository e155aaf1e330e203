/** A status as a symbol and a word, never by colour alone. */

import { html } from "../preact.js";

/** @type {Record<string, string>} */
const PATHS = {
  pending: "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11",
  running: "M8 2.5a5.5 5.5 0 0 1 5.5 5.5",
  awaiting_approval: "M8 2l6 6-6 6-6-6zM8 5.5v3M8 10.3v.2",
  completed: "M3 8.5l3.2 3.2L13 4.8",
  failed: "M4 4l8 8M12 4l-8 8",
  cancelled: "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11M4.2 4.2l7.6 7.6",
  skipped: "M3 4l4 4-4 4M9 4l4 4-4 4",
};

export const STATUSES = ["pending", "running", "completed", "failed", "cancelled"];

/** @param {string} status */
export const word = (status) => status.replace("_", " ");

/** @param {{ status: string }} props */
export function StatusIcon({ status }) {
  return html`<svg class=${`icon is-${status}`} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
    ${status === "running" && html`<circle class="track" cx="8" cy="8" r="5.5" />`}
    <path d=${PATHS[status] ?? PATHS.pending} />
  </svg>`;
}

/** @param {{ status: string }} props */
export function Status({ status }) {
  return html`<span class=${`status is-${status}`}><${StatusIcon} status=${status} />${word(status)}</span>`;
}

/** @param {{ code: number | null }} props */
export function Code({ code }) {
  const kind = code === null ? "none" : `${Math.floor(code / 100)}xx`;
  const meaning = { none: "no response", "2xx": "success", "3xx": "redirect", "4xx": "client error", "5xx": "server error" }[kind];
  return html`<span class=${`code is-${kind}`} title=${meaning}>${code ?? "none"}</span>`;
}
