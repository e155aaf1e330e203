/** The keyboard: each view adds its keys while it is shown. */

import { useLayoutEffect, useRef } from "./preact.js";

/** @typedef {Record<string, () => void>} Keys */

/** @type {{ current: Keys }[]} */
const layers = [];

/** @param {KeyboardEvent} event */
function name(event) {
  return `${event.ctrlKey || event.metaKey ? "Ctrl-" : ""}${event.key === " " ? "Space" : event.key}`;
}

addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const key = name(event);
  const typing = target.matches?.("input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select");
  if (event.defaultPrevented || event.altKey) return;
  if (typing && !key.startsWith("Ctrl-") && key !== "Escape") return;
  // A button or link that has the focus keeps its own keys.
  if ((key === "Space" || key === "Enter") && target.matches?.("button, a, summary, input, [role=button]")) return;
  for (const layer of [...layers].reverse()) {
    const act = layer.current[key];
    if (act) {
      event.preventDefault();
      act();
      return;
    }
  }
});

/** @param {Keys} keys */
export function useKeys(keys) {
  const layer = useRef(keys);
  layer.current = keys;
  // An effect runs only after the next paint: a key pressed as soon as the view is there would be lost.
  useLayoutEffect(() => {
    layers.push(layer);
    return () => void layers.splice(layers.indexOf(layer), 1);
  }, []);
}
