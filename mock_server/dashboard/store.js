/** The state that the whole page shares: the clock, the faults, the worlds, the connection. */

import { useEffect, useState } from "./preact.js";

/**
 * @template T
 * @typedef {{ get: () => T, set: (patch: Partial<T>) => void, subscribe: (f: () => void) => () => void }} Store
 */

/**
 * @template {object} T
 * @param {T} initial
 * @returns {Store<T>}
 */
export function createStore(initial) {
  let state = initial;
  /** @type {Set<() => void>} */
  const subscribers = new Set();
  return {
    get: () => state,
    set(patch) {
      state = { ...state, ...patch };
      for (const notify of [...subscribers]) notify();
    },
    subscribe(notify) {
      subscribers.add(notify);
      return () => subscribers.delete(notify);
    },
  };
}

/**
 * Render again when the selected part changes.
 * @template {object} T
 * @template S
 * @param {Store<T>} store
 * @param {(state: T) => S} select
 * @returns {S}
 */
export function useStore(store, select) {
  const [, render] = useState(0);
  const selected = select(store.get());
  useEffect(() => {
    let last = select(store.get());
    if (last !== selected) render((n) => n + 1);
    return store.subscribe(() => {
      const next = select(store.get());
      if (next !== last) {
        last = next;
        render((n) => n + 1);
      }
    });
  }, [store]);
  return selected;
}

const meta = document.body.dataset;

/**
 * @typedef {object} AppState
 * @property {string} connection connecting, live, lost, denied, or unknown for an unknown world
 * @property {(Clock & { receivedAt: number }) | null} clock
 * @property {ActiveRule[]} faults
 * @property {World[]} worlds
 * @property {Toast[]} toasts
 * @property {string} dialog the open dialog: none, palette, help, world or sign-in
 * @property {string} theme auto, light or dark
 */

/** @type {Store<AppState>} */
export const app = createStore({
  connection: "connecting",
  clock: /** @type {AppState["clock"]} */ (null),
  faults: /** @type {ActiveRule[]} */ ([]),
  worlds: /** @type {World[]} */ ([]),
  toasts: /** @type {Toast[]} */ ([]),
  dialog: "none",
  theme: localStorage.getItem("theme") ?? "auto",
});

/** The worlds that the mock was started with. */
export const declared = (meta.worlds ?? "demo").split(" ");
export const version = meta.release ?? "";

/** Whether the mock was started with a control token. */
export const guarded = meta.guarded !== undefined;

let lastToast = 0;

/**
 * Show a message for a while.
 * @param {string} text
 * @param {"note" | "error"} [kind]
 * @param {Toast["link"]} [link]
 */
export function toast(text, kind = "note", link) {
  const id = ++lastToast;
  app.set({ toasts: [...app.get().toasts.slice(-3), { id, text, kind, link }] });
  setTimeout(() => dismiss(id), kind === "error" ? 12_000 : 3_500);
}

/** @param {number} id */
export function dismiss(id) {
  app.set({ toasts: app.get().toasts.filter((one) => one.id !== id) });
}

/** @param {string} theme */
export function setTheme(theme) {
  localStorage.setItem("theme", theme);
  applyTheme(theme);
  app.set({ theme });
}

/** @param {string} theme */
export function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
