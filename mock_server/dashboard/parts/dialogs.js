/** The dialogs of the page: commands, keys, a fresh world, signing in. */

import { html, useMemo, useRef, useState } from "../preact.js";
import { address, control } from "../api.js";
import { advance, toNext, toggle, untilDone } from "../clock.js";
import { reconnect } from "../feed.js";
import { go } from "../router.js";
import { app, declared, setTheme, toast } from "../store.js";
import { Dialog, report } from "./basics.js";

const close = () => app.set({ dialog: "none" });

/** @type {[string, string][]} */
const KEYS = [
  ["Ctrl K", "Search commands"],
  ["?", "Show the keys"],
  ["/", "Go to the filter"],
  ["j k", "Next or previous entry of a list"],
  ["Enter", "Open the entry"],
  ["n", "New run"],
  ["c", "Cancel the run"],
  ["r", "Retry the run"],
  [".", "Advance to the next due event"],
  ["Space", "Pause or resume the clock"],
  ["[ ]", "One event back or forth in the log of a run"],
  ["Esc", "Close, or back to the list"],
];

export function Help() {
  return html`<${Dialog} title="Keys" onClose=${close}>
    <table class="keys"><tbody>${KEYS.map(([key, text]) => html`<tr><td>${key.split(" ").map((one) => html`<kbd>${one}</kbd> `)}</td><td>${text}</td></tr>`)}</tbody></table>
  <//>`;
}

/** @param {{ world: string, views: { view: string, name: string }[] }} props */
export function Palette({ world, views }) {
  const [text, setText] = useState("");
  const [index, setIndex] = useState(0);
  const list = useRef(/** @type {any} */ (null));
  const commands = useMemo(() => all(world, views), [world]);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = commands.filter((one) => words.every((word) => `${one.name} ${one.hint ?? ""}`.toLowerCase().includes(word)));
  const at = Math.min(index, found.length - 1);
  const pick = (/** @type {Command | undefined} */ command) => {
    if (!command) return;
    close();
    command.run();
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") pick(found[at]);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const next = (at + (event.key === "ArrowDown" ? 1 : -1) + found.length) % Math.max(found.length, 1);
      setIndex(next);
      list.current?.children[next]?.scrollIntoView({ block: "nearest" });
    } else return;
    event.preventDefault();
  };
  return html`<${Dialog} title="Commands" class="palette" onClose=${close}>
    <input type="search" autofocus role="combobox" aria-expanded="true" aria-controls="commands" aria-activedescendant=${found[at] ? `command-${at}` : undefined} aria-label="Search commands" placeholder="Search commands" value=${text}
      onInput=${(/** @type {any} */ event) => { setText(event.target.value); setIndex(0); }} onKeyDown=${pressed} />
    <div role="listbox" id="commands" aria-label="Commands" ref=${list}>
      ${found.map((one, i) => html`<div role="option" id=${`command-${i}`} aria-selected=${i === at ? "true" : "false"} onClick=${() => pick(one)}>${one.name}<span>${one.hint}</span></div>`)}
    </div>
    ${!found.length && html`<p class="quiet-text">No command contains these words.</p>`}
  <//>`;
}

/**
 * @param {string} world
 * @param {{ view: string, name: string }[]} views
 * @returns {Command[]}
 */
function all(world, views) {
  const worlds = [...new Set([...declared, ...app.get().worlds.map((one) => one.name)])];
  return [
    ...views.map(({ view, name }) => ({ name: `Go to ${name}`, hint: "view", run: () => go({ view }) })),
    { name: "Pause or resume the clock", hint: "space", run: () => toggle(world) },
    { name: "Advance to the next event", hint: ".", run: () => toNext(world) },
    { name: "Advance by 10 seconds", hint: "clock", run: () => advance(world, 10) },
    { name: "Advance by a minute", hint: "clock", run: () => advance(world, 60) },
    { name: "Advance by an hour", hint: "clock", run: () => advance(world, 3600) },
    { name: "Advance until done", hint: "clock", run: () => untilDone(world) },
    { name: "Remove all faults", hint: "faults", run: () => control("DELETE", "faults", { world }).catch(report) },
    ...worlds.filter((name) => name !== world).map((name) => ({ name: `Switch to ${name}`, hint: "world", run: () => go({ world: name, id: null }) })),
    { name: "Open a fresh world", hint: "world", run: () => app.set({ dialog: "world" }) },
    ...["auto", "light", "dark"].map((theme) => ({ name: `Theme: ${theme}`, hint: "appearance", run: () => setTheme(theme) })),
    { name: "Show the keys", hint: "?", run: () => app.set({ dialog: "help" }) },
    { name: "Open the documentation of the contract", hint: "/docs", run: () => void (location.href = address("docs")) },
  ];
}

export function FreshWorld() {
  const [name, setName] = useState(`test-${Math.floor(performance.now() * 7919).toString(36).slice(-5)}`);
  const [start, setStart] = useState("demo");
  const [frozen, setFrozen] = useState(true);
  const open = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      await control("POST", "reset", { world: name, body: { start, ...(frozen ? { scale: 0 } : {}) } });
      close();
      go({ world: name, view: "runs" });
      toast(`Opened the world ${name}`);
    } catch (error) {
      report(error);
    }
  };
  return html`<${Dialog} title="Open a fresh world" onClose=${close}>
    <form class="form" onSubmit=${open}>
      <label>Name, also the credential
        <input required pattern="[a-z0-9][a-z0-9._\\-]{0,63}" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
      <label>Content
        <select value=${start} onChange=${(/** @type {any} */ event) => setStart(event.target.value)}>
          ${["demo", "empty", "edge-cases", "ten-thousand"].map((one) => html`<option value=${one}>${one}</option>`)}
        </select></label>
      <label class="check"><input type="checkbox" checked=${frozen} onChange=${(/** @type {any} */ event) => setFrozen(event.target.checked)} /> Start with a frozen clock</label>
      <p class="quiet-text">Names that begin with <code>test-</code> open a world; a world of this name is replaced.</p>
      <footer><button type="submit" class="primary">Open</button></footer>
    </form>
  <//>`;
}

export function SignIn() {
  const [problem, setProblem] = useState("");
  const submit = async (/** @type {any} */ event) => {
    event.preventDefault();
    const token = new FormData(event.target).get("token");
    try {
      await control("POST", "login", { body: { token } });
      close();
      reconnect();
    } catch (error) {
      setProblem(/** @type {Error} */ (error).message);
    }
  };
  return html`<${Dialog} title="Sign in" onClose=${close}>
    <form class="form" onSubmit=${submit}>
      <p>The mock was started with a control token. The browser keeps it as a cookie that scripts cannot read.</p>
      <label>Control token <input name="token" type="password" required autocomplete="current-password" /></label>
      ${problem && html`<p class="notice is-error" role="alert">${problem}</p>`}
      <footer><button type="submit" class="primary">Sign in</button></footer>
    </form>
  <//>`;
}
