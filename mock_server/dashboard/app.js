/** The page: the bar, the navigation, the view that the address names, and what lies above them. */

import { html, render, useEffect, useErrorBoundary } from "./preact.js";
import { toNext, toggle } from "./clock.js";
import { follow } from "./feed.js";
import { useKeys } from "./keys.js";
import { Bar, Indicators } from "./parts/bar.js";
import { Failure } from "./parts/basics.js";
import { FreshWorld, Help, Palette, SignIn } from "./parts/dialogs.js";
import { href, useRoute } from "./router.js";
import { app, applyTheme, declared, dismiss, useStore } from "./store.js";
import { BehaviourView, CoverageView } from "./views/contract.js";
import { FaultsView } from "./views/faults.js";
import { NewRun } from "./views/new.js";
import { Requests, StreamsView } from "./views/requests.js";
import { RunView } from "./views/run.js";
import { Runs } from "./views/runs.js";
import { Start } from "./views/start.js";
import { StateView } from "./views/state.js";

const VIEWS = [
  { view: "start", name: "Start", part: Start },
  { view: "runs", name: "Runs", part: Runs },
  { view: "new", name: "New run", part: NewRun },
  { view: "requests", name: "Requests", part: Requests },
  { view: "faults", name: "Faults", part: FaultsView },
  { view: "behaviour", name: "Behaviour", part: BehaviourView },
  { view: "coverage", name: "Coverage", part: CoverageView },
  { view: "state", name: "State", part: StateView },
  { view: "streams", name: "Streams", part: StreamsView },
];

function App() {
  const route = useRoute();
  const dialog = useStore(app, (state) => state.dialog);
  const connection = useStore(app, (state) => state.connection);
  const { world, view, id } = route;
  useEffect(() => follow(world), [world]);
  const { name, part } = VIEWS.find((one) => one.view === view) ?? VIEWS[0];
  useEffect(() => {
    document.title = `${name} in ${world}, Automation runs mock`;
    scrollTo(0, 0);
    const link = document.querySelector(".views [aria-current]");
    link?.parentElement?.scrollTo({ left: /** @type {HTMLElement} */ (link).offsetLeft - 120 });
  }, [name, world, id]);
  useKeys({
    "Ctrl-k": () => app.set({ dialog: "palette" }),
    "?": () => app.set({ dialog: "help" }),
    ".": () => toNext(world),
    Space: () => toggle(world),
  });
  const shown = view === "runs" && id ? RunView : part;
  return html`<a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="top">
      <${Bar} world=${world} />
      <div class="second"><nav class="views" aria-label="Views">${VIEWS.map((one) => html`<a href=${href({ view: one.view })} aria-current=${one.view === view ? "page" : undefined}>${one.name}</a>`)}</nav><${Indicators} /></div>
    </header>
    ${connection === "lost" && html`<div class="lost" role="alert">The mock does not respond. The page reconnects by itself as soon as it is started again: <code>runs-mock serve</code></div>`}
    ${connection === "denied" && html`<div class="lost" role="alert">The mock requires its control token. <button type="button" onClick=${() => app.set({ dialog: "sign-in" })}>Sign in</button></div>`}
    ${connection === "unknown" && html`<div class="lost" role="alert">The mock has no world <code>${world}</code>. <a href=${href({ world: declared[0], view: "start" })}>Show ${declared[0]}</a> <button type="button" onClick=${() => app.set({ dialog: "world" })}>Open a fresh world</button></div>`}
    <main id="main" tabindex="-1">${connection !== "denied" && connection !== "unknown" && html`<${Guarded} key=${`${world}/${view}/${id}`} part=${shown} route=${route} />`}</main>
    <${Toasts} />
    ${dialog === "palette" && html`<${Palette} world=${world} views=${VIEWS} />`}
    ${dialog === "help" && html`<${Help} />`}
    ${dialog === "world" && html`<${FreshWorld} />`}
    ${dialog === "sign-in" && html`<${SignIn} />`}`;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** Show an error of a view in its place: the bar stays usable. */
function Guarded(/** @type {{ part: any, route: Route }} */ { part, route }) {
  const [error] = useErrorBoundary((problem) => console.error(problem));
  return error ? html`<div class="page"><${Failure} error=${error} /></div>` : html`<${part} route=${route} />`;
}

function Toasts() {
  const toasts = useStore(app, (state) => state.toasts);
  return html`<div class="toasts" role="status" aria-live="polite">${toasts.map((one) => html`<div key=${one.id} class=${`toast is-${one.kind}`}>
    <span>${one.text}</span>${one.link && html`<a href=${one.link.href} onClick=${() => dismiss(one.id)}>${one.link.text}</a>`}
    <button type="button" class="quiet" aria-label="Dismiss" onClick=${() => dismiss(one.id)}>✕</button></div>`)}</div>`;
}

applyTheme(app.get().theme);
const root = document.getElementById("app");
if (root) {
  root.textContent = "";
  render(html`<${App} />`, root);
}
