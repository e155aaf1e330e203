/** Small parts of many views: statuses, buttons that copy, notes for empty places, errors, dialogs. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../preact.js";
import { href } from "../router.js";
import { copy } from "../snippets.js";
import { toast } from "../store.js";

/** @param {{ text: string, label?: string, class?: string, title?: string }} props */
export function Copy({ text, label = "Copy", title, class: name = "" }) {
  const [done, set] = useState(false);
  const act = async () => {
    if (!(await copy(text))) return toast("The browser does not permit copying.", "error");
    set(true);
    setTimeout(() => set(false), 1500);
  };
  return html`<button type="button" class=${`quiet ${name}`} title=${title ?? "Copy to the clipboard"} onClick=${act}>
    <span aria-live="polite">${done ? "Copied" : label}</span>
  </button>`;
}

/** @param {{ text: string, label?: string }} props */
export function CodeLine({ text, label = "Copy" }) {
  return html`<div class="codeline"><pre tabindex="0" aria-label="Code">${text}</pre><${Copy} text=${text} label=${label} /></div>`;
}

/** @param {{ title: string, lead?: unknown, children?: unknown }} props */
export function Head({ title, lead, children }) {
  return html`<header class="page-head"><div><h1>${title}</h1>${lead && html`<p class="lead">${lead}</p>`}</div>${children}</header>`;
}

/** @param {{ id: string, title: unknown, aside?: unknown, class?: string, children?: unknown }} props */
export function Panel({ id, title, aside, class: name = "", children }) {
  return html`<section class=${`panel ${name}`} aria-labelledby=${id}><header><h2 id=${id}>${title}</h2>${aside}</header>${children}</section>`;
}

/** @param {{ label: string, heads: unknown[], children?: unknown }} props */
export function Table({ label, heads, children }) {
  return html`<div class="table-area" tabindex="0" role="region" aria-label=${`${label}, scrollable`}><table>
    <thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${children}</tbody></table></div>`;
}

/** @param {{ title: string, children?: unknown }} props */
export function Empty({ title, children }) {
  return html`<div class="empty"><h2>${title}</h2>${children}</div>`;
}

/** @param {{ error: any }} props */
export function Failure({ error }) {
  if (!error) return null;
  if (error.status === 0)
    return html`<div class="notice is-error" role="status">The mock does not respond. The page reconnects by itself as soon as it is started again.</div>`;
  return html`<div class="notice is-error" role="alert">${error.message}
    ${error.number && html` <a href=${href({ view: "requests", id: error.number })}>Why?</a>`}</div>`;
}

/** @param {any} error */
export function report(error) {
  const link = error.number ? { href: href({ view: "requests", id: error.number }), text: "Why?" } : undefined;
  toast(error.message, "error", link);
}

/** @param {{ title: string, onClose: () => void, children?: unknown, class?: string }} props */
export function Dialog({ title, onClose, children, class: name = "" }) {
  const dialog = useRef(/** @type {any} */ (null));
  // Before the next key is pressed: what is typed at once belongs to the dialog.
  useLayoutEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    dialog.current.showModal();
    return () => before?.focus?.();
  }, []);
  const outside = (/** @type {MouseEvent} */ event) => event.target === dialog.current && onClose();
  return html`<dialog ref=${dialog} class=${name} aria-label=${title} onClose=${onClose} onClick=${outside}>
    <div class="dialog-body">
      <header><h2>${title}</h2><button type="button" class="quiet" aria-label="Close" onClick=${onClose}>Close</button></header>
      ${children}
    </div>
  </dialog>`;
}

/** @param {{ value: unknown, before?: unknown, label: string }} props */
export function Json({ value, before, label }) {
  const lines = JSON.stringify(value, null, 2).split("\n");
  const known = before === undefined ? null : new Set(JSON.stringify(before, null, 2).split("\n").map((line) => line.replace(/,$/, "")));
  return html`<pre class="json" tabindex="0" aria-label=${label}>${lines.map((line) => {
    const changed = known && !known.has(line.replace(/,$/, ""));
    const parts = /^(\s*)("(?:[^"\\]|\\.)*")(: )(.*)$/.exec(line);
    const text = parts ? html`${parts[1]}<span class="key">${parts[2]}</span>${parts[3]}${parts[4]}` : line;
    return changed ? html`<ins title="Changed by this event">${text}</ins>${"\n"}` : html`<span>${text}</span>${"\n"}`;
  })}</pre>`;
}

/** @param {{ label: string, items: { name: string, act: () => void, danger?: boolean, disabled?: boolean, title?: string }[], class?: string }} props */
export function Menu({ label, items, class: name = "" }) {
  const details = useRef(/** @type {any} */ (null));
  useEffect(() => {
    const close = (/** @type {Event} */ event) => {
      if (details.current?.open && !details.current.contains(event.target)) details.current.open = false;
    };
    const escape = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape" && details.current?.open) {
        details.current.open = false;
        details.current.querySelector("summary").focus();
      }
    };
    document.addEventListener("click", close);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("click", close);
      document.removeEventListener("keydown", escape);
    };
  }, []);
  const pick = (/** @type {() => void} */ act) => () => {
    details.current.open = false;
    act();
  };
  return html`<details class=${`menu ${name}`} ref=${details}>
    <summary>${label}</summary>
    <div class="menu-items">
      ${items.map((item) => html`<button type="button" disabled=${item.disabled} title=${item.title} class=${item.danger ? "danger" : ""} onClick=${pick(item.act)}>${item.name}</button>`)}
    </div>
  </details>`;
}

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
