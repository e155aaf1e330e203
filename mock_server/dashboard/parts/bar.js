/** The bar that is always in sight: the world, its clock, its faults, the connection. */

import { html, useRef } from "../preact.js";
import { advance, setScale, toNext, toggle, untilDone, useNow } from "../clock.js";
import { signOut } from "../feed.js";
import { duration, timeOfDay, dateTime } from "../format.js";
import { go, href } from "../router.js";
import { app, declared, guarded, setTheme, useStore } from "../store.js";
import { Copy, report } from "./basics.js";

const SCALES = [0.1, 0.5, 1, 2, 5, 10, 60, 600];

/** @type {Record<string, [string, string]>} */
const CONNECTIONS = {
  connecting: ["○", "connecting"],
  live: ["●", "live"],
  lost: ["◌", "reconnecting"],
  denied: ["✕", "not signed in"],
  unknown: ["✕", "unknown world"],
};

/** @param {{ world: string }} props */
export function Bar({ world }) {
  const worlds = useStore(app, (state) => state.worlds);
  const names = [...new Set([...declared, ...worlds.map((one) => one.name), world])];
  const switchTo = (/** @type {any} */ event) => {
    if (event.target.value === "") app.set({ dialog: "world" });
    else go({ world: event.target.value, id: null });
    event.target.value = world;
  };
  return html`<div class="bar" role="region" aria-label="World and clock">
    <div class="bar-group">
      <span class="world">
        <select aria-label="World" value=${world} onChange=${switchTo}>
          ${names.map((name) => html`<option value=${name} selected=${name === world}>${name}</option>`)}
          <option value="">Open a fresh world…</option>
        </select>
      </span>
      <${Copy} text=${`X-API-Key: ${world}`} label="Copy credential" title=${`Copy the header X-API-Key: ${world}`} />
    </div>
    <${ClockControls} world=${world} />
  </div>`;
}

/** The state of the page, and what is above all views. */
export function Indicators() {
  const connection = useStore(app, (state) => state.connection);
  const theme = useStore(app, (state) => state.theme);
  const faults = useStore(app, (state) => state.faults);
  const [symbol, text] = CONNECTIONS[connection];
  const next = theme === "auto" ? "light" : theme === "light" ? "dark" : "auto";
  return html`<div class="bar-group is-end">
    <a class=${`chip ${faults.length ? "is-warning" : ""}`} href=${href({ view: "faults" })}>${faults.length ? `${faults.length} ${faults.length === 1 ? "fault" : "faults"}: ${summary(faults)}` : "No faults"}</a>
    <span class=${`chip connection is-${connection}`} role="status"><span aria-hidden="true">${symbol}</span> ${text}</span>
    ${guarded && connection !== "denied" && html`<button type="button" class="quiet" onClick=${() => signOut().catch(report)}>Sign out</button>`}
    <button type="button" class="quiet" title="Change between the system's theme, light and dark" onClick=${() => setTheme(next)}>Theme: ${theme}</button>
    <button type="button" class="quiet" aria-label="Ctrl K: search commands" title="Commands (Ctrl-K)" onClick=${() => app.set({ dialog: "palette" })}><kbd>Ctrl K</kbd></button>
    <button type="button" class="quiet" aria-label="? Help" title="Keys (?)" onClick=${() => app.set({ dialog: "help" })}>?</button>
  </div>`;
}

/** @param {ActiveRule[]} faults */
function summary(faults) {
  const kinds = [...new Set(faults.flatMap((one) => Object.keys(one.rule)))].filter((key) => !["operations", "probability", "count", "lasts"].includes(key));
  return kinds.slice(0, 3).join(", ") + (kinds.length > 3 ? "…" : "");
}

/** @param {{ world: string }} props */
function ClockControls({ world }) {
  const clock = useStore(app, (state) => state.clock);
  const now = useNow(1);
  const busy = useRef(false);
  const act = (/** @type {(world: string) => Promise<unknown>} */ change) => async () => {
    if (busy.current) return;
    busy.current = true;
    await change(world);
    busy.current = false;
  };
  if (!clock) return html`<div class="bar-group clock"><span class="now">--:--:--</span></div>`;
  const scales = [...new Set([...SCALES, clock.scale])].sort((a, b) => a - b);
  const due = clock.nextDueAt ? Date.parse(clock.nextDueAt) - now : null;
  return html`<div class="bar-group clock" role="group" aria-label="Clock">
    <span class="now" title=${`${dateTime(now)} UTC, the time of the world`}>${timeOfDay(now)}</span>
    <button type="button" class="toggle" title=${`${clock.frozen ? "Resume" : "Pause"} the clock (space)`} onClick=${act(toggle)}>${clock.frozen ? "▶ Resume" : "❚❚ Pause"}</button>
    <select aria-label="Scale of the clock" title="World seconds in a real second" value=${String(clock.scale)} onChange=${(/** @type {any} */ event) => setScale(world, Number(event.target.value))}>
        ${scales.map((scale) => html`<option value=${String(scale)} selected=${scale === clock.scale}>× ${scale}</option>`)}
    </select>
    <span class="steps">
      <button type="button" title="Advance to the next due event (.)" onClick=${act(toNext)}>Next</button>
      <button type="button" title="Advance by 10 seconds" onClick=${act((name) => advance(name, 10))}>+10 s</button>
      <button type="button" title="Advance by a minute" onClick=${act((name) => advance(name, 60))}>+1 min</button>
      <button type="button" title="Advance by an hour" onClick=${act((name) => advance(name, 3600))}>+1 h</button>
      <button type="button" title="Advance until nothing is due any more" onClick=${act(untilDone)}>Until done</button>
    </span>
    <span class="due">${clock.frozen ? "frozen" : "running"}${due === null ? ", nothing due" : due > 0 ? `, next in ${duration(due)}` : ", due now"}</span>
  </div>`;
}
