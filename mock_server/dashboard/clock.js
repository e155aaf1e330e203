/** The clock of the world: its time now, and what moves it. */

import { useEffect, useState } from "./preact.js";
import { control } from "./api.js";
import { publish, setClock } from "./feed.js";
import { app, toast, useStore } from "./store.js";

/** Return the time of the world in milliseconds, 0 before it is known. */
export function worldNow() {
  const clock = app.get().clock;
  if (!clock) return 0;
  const passed = clock.frozen ? 0 : (performance.now() - clock.receivedAt) * clock.scale;
  return Date.parse(clock.now) + passed;
}

/**
 * Render again as time passes, `perSecond` times; not while the clock is frozen or nothing is shown.
 * @param {number} [perSecond]
 */
export function useNow(perSecond = 1) {
  const frozen = useStore(app, (state) => state.clock?.frozen ?? true);
  const [, render] = useState(0);
  useEffect(() => {
    if (frozen) return undefined;
    const timer = setInterval(() => document.hidden || render((n) => n + 1), 1000 / perSecond);
    return () => clearInterval(timer);
  }, [frozen, perSecond]);
  return worldNow();
}

/**
 * @param {string} path
 * @param {string} world
 * @param {unknown} [body]
 */
async function change(path, world, body) {
  try {
    const clock = await control("POST", `clock/${path}`, { world, body });
    setClock(clock);
    publish("runs");
    return clock;
  } catch (error) {
    toast(/** @type {Error} */ (error).message, "error");
    return null;
  }
}

/** @param {string} world */
export async function toggle(world) {
  // At a slow start the clock is not known yet, and a guess would do nothing half of the time.
  const clock = app.get().clock ?? (await control("GET", "clock", { world }).catch(() => null));
  return change(clock?.frozen ? "resume" : "freeze", world);
}

/** @param {string} world @param {number} scale */
export const setScale = (world, scale) => change("scale", world, { scale });

/** @param {string} world @param {number} seconds */
export const advance = (world, seconds) => change("advance", world, { seconds });

/** @param {string} world */
export const toNext = async (world) => {
  const clock = await change("advance", world, { toNext: true });
  if (clock && clock.reached === false) toast("Nothing is due within a day.");
};

/**
 * Advance until nothing is due any more, or for an hour.
 * @param {string} world
 */
export async function untilDone(world) {
  const end = worldNow() + 3_600_000;
  for (let turn = 0; turn < 2_000; turn++) {
    const clock = app.get().clock;
    if (!clock?.nextDueAt || Date.parse(clock.nextDueAt) > end) break;
    const step = Math.max(Date.parse(clock.nextDueAt) - worldNow(), 0) / 1000 + 60;
    if (!(await change("advance", world, { seconds: Math.min(step, 600) }))) return;
  }
  toast(app.get().clock?.nextDueAt ? "Advanced by an hour; more is due later." : "All runs have come to rest.");
}
