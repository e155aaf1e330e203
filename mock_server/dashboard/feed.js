/**
 * What changes in a world, as it happens: the live feed of the control API.
 *
 * Views subscribe to topics and read again what they show. After a lost connection, a reset of the
 * world or a long sleep everything is read again.
 */

import { useEffect, useRef, useState } from "./preact.js";
import { address, control } from "./api.js";
import { app } from "./store.js";

const TOPICS = ["runs", "requests", "clock", "faults", "worlds"];

/** @type {Map<string, Set<(data: any) => void>>} */
const subscribers = new Map();
/** @type {EventSource | null} */
let source = null;
let world = "";
let hiddenSince = 0;

/**
 * Call `notify` at each change of a topic; return a function that ends the subscription.
 * @param {string[]} topics
 * @param {(data: any) => void} notify
 */
export function subscribe(topics, notify) {
  for (const topic of topics) {
    if (!subscribers.has(topic)) subscribers.set(topic, new Set());
    subscribers.get(topic)?.add(notify);
  }
  return () => topics.forEach((topic) => subscribers.get(topic)?.delete(notify));
}

/**
 * @param {string} topic
 * @param {any} [data]
 */
export function publish(topic, data) {
  for (const notify of [...(subscribers.get(topic) ?? [])]) notify(data);
}

/** Read the shared state again, and let every view do the same. */
export function resync() {
  refresh();
  for (const topic of TOPICS) publish(topic);
}

/** How often each part of the shared state was set: a read that began before is out of date. */
const versions = { clock: 0, faults: 0, worlds: 0 };

/** @param {Clock} clock */
export function setClock(clock) {
  versions.clock++;
  if (clock.world === world) app.set({ clock: { ...clock, receivedAt: performance.now() } });
}

/**
 * @param {string} name
 * @param {ActiveRule[]} faults
 */
export function setFaults(name, faults) {
  versions.faults++;
  if (name === world) app.set({ faults });
}

/** @param {World[]} worlds */
function setWorlds(worlds) {
  versions.worlds++;
  app.set({ worlds });
}

async function refresh() {
  const name = world;
  const before = { ...versions };
  try {
    const [clock, faults, worlds] = await Promise.all([
      control("GET", "clock", { world: name }),
      control("GET", "faults", { world: name }),
      control("GET", "worlds"),
    ]);
    if (name !== world) return;
    if (before.clock === versions.clock) setClock(clock);
    if (before.faults === versions.faults) setFaults(name, faults.items);
    if (before.worlds === versions.worlds) setWorlds(worlds.items);
  } catch (error) {
    if (/** @type {any} */ (error).status === 401) denied();
  }
}

function denied() {
  source?.close();
  app.set({ connection: "denied", dialog: "sign-in" });
}

/**
 * Follow a world; the former one is no longer followed.
 * @param {string} name
 */
export function follow(name) {
  source?.close();
  world = name;
  app.set({ connection: "connecting", clock: null, faults: [] });
  refresh();
  open();
}

/** Connect again at once. */
export function reconnect() {
  follow(world);
}

/** End the session of this browser. */
export async function signOut() {
  await control("POST", "logout");
  reconnect();
}

function open() {
  const url = address(`_mock/events?world=${encodeURIComponent(world)}&topics=${TOPICS.join(",")}`);
  const mine = (source = new EventSource(url));
  mine.onopen = () => app.set({ connection: "live" });
  // What changed before the first event of a connection may be unknown here.
  mine.addEventListener("hello", resync);
  mine.onerror = () => {
    if (mine !== source) return;
    // After an error response a browser gives up.
    if (mine.readyState === EventSource.CLOSED) recover(mine);
    else app.set({ connection: "lost" });
  };
  /** @param {string} topic @param {(data: any) => void} apply */
  const on = (topic, apply) =>
    mine.addEventListener(topic, (event) => {
      const data = JSON.parse(event.data);
      apply(data);
      publish(topic, data);
    });
  on("clock", setClock);
  on("faults", (data) => setFaults(world, data.items));
  on("worlds", (data) => setWorlds(data.items));
  on("runs", () => {});
  on("requests", () => {});
  mine.addEventListener("resync", resync);
  mine.addEventListener("dropped", resync);
}

/**
 * Find out why the feed got an error response, and connect again once its cause is gone.
 * @param {EventSource} mine
 */
async function recover(mine) {
  const status = await control("GET", "clock", { world }).then(() => 200, (error) => error.status);
  if (mine !== source) return;
  if (status === 401) return denied();
  app.set({ connection: status === 404 || status === 422 ? "unknown" : "lost" });
  setTimeout(() => mine === source && (status === 200 ? open() : recover(mine)), 1000);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) hiddenSince = performance.now();
  else if (performance.now() - hiddenSince > 60_000) resync();
});

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
