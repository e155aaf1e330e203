/** Data of the mock that is read again when a topic of the feed changes. */

import { useEffect, useRef, useState } from "./preact.js";
import { subscribe } from "./feed.js";

const PAUSE = 250;

/**
 * Return the value that `read` resolves to, for these inputs; read again at most four times a
 * second, and never twice at once. The former value stays until the next one is there.
 * @template T
 * @param {() => Promise<T>} read
 * @param {unknown[]} inputs
 * @param {string[]} topics
 * @returns {{ data: T | null, error: any, loading: boolean, reload: () => Promise<void> }}
 */
export function useResource(read, inputs, topics) {
  const [state, set] = useState(/** @type {{ data: T | null, error: any, loading: boolean }} */ ({ data: null, error: null, loading: true }));
  const reload = useRef(async () => {});
  const latest = useRef(read);
  latest.current = read;
  useEffect(() => {
    let ended = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    /** @type {Promise<void> | null} */
    let reading = null;
    /** @type {Promise<void> | null} */
    let queued = null;
    const readOnce = async () => {
      try {
        const data = await latest.current();
        if (!ended) set({ data, error: null, loading: false });
      } catch (error) {
        if (!ended) set((before) => ({ data: before.data, error, loading: false }));
      }
      reading = null;
    };
    /** Resolve after a read that began now or later. @returns {Promise<void>} */
    const load = () => {
      timer = undefined;
      if (!reading) return (reading = readOnce());
      return (queued ??= reading.then(() => {
        queued = null;
        return load();
      }));
    };
    reload.current = load;
    load();
    const end = subscribe(topics, () => {
      if (!document.hidden) timer ??= setTimeout(load, PAUSE);
    });
    const shown = () => void (document.hidden || load());
    document.addEventListener("visibilitychange", shown);
    return () => {
      ended = true;
      clearTimeout(timer);
      end();
      document.removeEventListener("visibilitychange", shown);
    };
  }, inputs);
  return { ...state, reload: () => reload.current() };
}
