/** Deep links: `#/w/acme/runs/ID?at=7` names a world, a view, a thing in it, and its settings. */

import { useLayoutEffect, useState } from "./preact.js";
import { declared } from "./store.js";

export const VIEWS = ["start", "runs", "new", "requests", "faults", "behaviour", "coverage", "state", "streams"];

/**
 * @param {string} hash
 * @returns {Route}
 */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").map(decode);
  const world = parts[0] === "w" && parts[1] ? parts[1] : declared[0];
  const view = VIEWS.includes(parts[2]) ? parts[2] : "start";
  return { world, view, id: parts[3] || null, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const route = () => parse(location.hash);

/**
 * Return the link to a place; what is left out is as in the present one.
 * @param {Partial<Route>} to
 */
export function href(to) {
  const now = route();
  const view = to.view ?? now.view;
  const id = to.id === undefined ? (to.view ? null : now.id) : to.id;
  const query = to.query ?? (to.view ? {} : now.query);
  const given = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const tail = given.length ? `?${new URLSearchParams(given)}` : "";
  return `#/w/${encodeURIComponent(to.world ?? now.world)}/${view}${id ? `/${encodeURIComponent(id)}` : ""}${tail}`;
}

/** @param {Partial<Route>} to */
export function go(to) {
  location.hash = href(to);
}

/**
 * Change settings of the present place without a new entry in the history.
 * @param {Record<string, string | null>} query
 */
export function replaceQuery(query) {
  const merged = { ...route().query, ...query };
  const kept = Object.fromEntries(Object.entries(merged).filter(([, value]) => value != null));
  history.replaceState(null, "", href({ query: /** @type {Record<string, string>} */ (kept) }));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** @returns {Route} */
export function useRoute() {
  const [current, set] = useState(route);
  useLayoutEffect(() => {
    const changed = () => set(route());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return current;
}
