/** The list of runs: tabs by status, a search, live rows, and thousands of them. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../preact.js";
import { contract, control } from "../api.js";
import { useNow } from "../clock.js";
import { ago, duration, short } from "../format.js";
import { FINISHED } from "../fold.js";
import { useKeys } from "../keys.js";
import { Empty, Failure, Menu, STATUSES, Status, report, word } from "../parts/basics.js";
import { MiniGantt } from "../parts/pictures.js";
import { useResource } from "../feed.js";
import { go, href, replaceQuery } from "../router.js";
import { toast } from "../store.js";

const ROW = 52;
const PAGE = 100;

/** @param {{ route: Route }} props */
export function Runs({ route: { world, query } }) {
  const status = STATUSES.includes(query.status) ? query.status : null;
  const search = query.q ?? "";
  const [offset, setOffset] = useState(0);
  const [seen, setSeen] = useState(/** @type {number | null} */ (null));
  const [cursor, setCursor] = useState(-1);
  const scroller = useRef(/** @type {any} */ (null));
  const field = useRef(/** @type {any} */ (null));
  const now = useNow(1);
  const { data, error, reload } = useResource(
    () => control("GET", "runs", { world, query: { status, search, limit: 2 * PAGE, offset } }).then((page) => ({ ...page, offset })),
    [world, status, search, offset],
    ["runs"],
  );
  const total = data?.total ?? 0;
  // New rows come at the top; who has scrolled down keeps the place, and is shown how many there are.
  const fresh = seen === null ? 0 : Math.max(0, total - seen);
  const scrolled = useRef(false);
  useEffect(() => setSeen(null), [world, status, search]);
  useEffect(() => {
    if (data && (seen === null || !scrolled.current)) setSeen(data.total);
  }, [data]);
  useLayoutEffect(() => {
    if (scroller.current) scroller.current.scrollTop = 0;
    setOffset(0);
    setCursor(-1);
  }, [world, status, search]);
  const onScroll = () => {
    const top = scroller.current.scrollTop;
    const nowScrolled = top > ROW;
    if (!nowScrolled && scrolled.current) setSeen(total);
    scrolled.current = nowScrolled;
    const first = Math.floor(top / ROW);
    const wanted = Math.max(0, Math.floor((first - PAGE / 2) / PAGE) * PAGE);
    if (wanted !== offset) setOffset(wanted);
  };
  const toTop = () => {
    scroller.current.scrollTop = 0;
    setSeen(total);
  };
  const items = /** @type {Overview[]} */ (data?.items ?? []);
  const at = (/** @type {number} */ index) => items[index - (data?.offset ?? 0)];
  const move = (/** @type {number} */ by) => () => {
    const next = Math.max(0, Math.min(total - 1, cursor + by));
    setCursor(next);
    const area = scroller.current;
    if (area && next * ROW < area.scrollTop) area.scrollTop = next * ROW;
    if (area && (next + 1) * ROW > area.scrollTop + area.clientHeight) area.scrollTop = (next + 1) * ROW - area.clientHeight;
  };
  const current = at(cursor);
  useKeys({
    j: move(1),
    k: move(-1),
    "/": () => field.current?.focus(),
    n: () => go({ view: "new" }),
    Enter: () => current && go({ view: "runs", id: current.run.id }),
    c: () => current && cancel(world, current.run),
    r: () => current && retry(world, current.run),
  });
  const counts = data?.counts ?? {};
  const all = STATUSES.reduce((sum, one) => sum + (counts[one] ?? 0), 0);
  return html`<div class="page runs">
    <header class="page-head"><h1>Runs</h1><a class="button primary" href=${href({ view: "new" })}>New run</a></header>
    <div class="toolbar">
      <nav class="tabs" aria-label="Status">
        <a href=${href({ query: { q: search } })} aria-current=${status ? undefined : "page"}>All <b>${data ? all : ""}</b></a>
        ${STATUSES.map((one) => html`<a href=${href({ query: { status: one, q: search } })} aria-current=${one === status ? "page" : undefined}>${word(one)} <b>${counts[one] ?? ""}</b></a>`)}
      </nav>
      <input ref=${field} type="search" aria-label="Filter runs" placeholder="Filter by id, scenario, automation (/)" value=${search}
        onInput=${(/** @type {any} */ event) => replaceQuery({ q: event.target.value || null })} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && field.current.blur()} />
    </div>
    <${Failure} error=${error} />
    ${fresh > 0 && html`<button type="button" class="pill" onClick=${toTop}>↑ ${fresh} new</button>`}
    ${data && !total
      ? status || search
        ? html`<${Empty} title="No run matches">There is none with this status and these words. <a href=${href({ query: {} })}>Show all runs</a>.<//>`
        : html`<${Empty} title="No runs yet"><p>A run appears here as soon as it is created: by your client, by a test, or by you.</p>
            <p><a class="button primary" href=${href({ view: "new" })}>Start a run</a> <a class="button" href=${href({ view: "state" })}>Fill the world with demo data</a></p><//>`
      : html`<div class="scroller" ref=${scroller} onScroll=${onScroll} tabindex="0" role="region" aria-label="Runs, scrollable">
          <div role="list" class="rows" style=${{ height: `${total * ROW}px` }}>
            ${items.map((item, index) => {
              const position = index + data.offset;
              return html`<div role="listitem" aria-setsize=${total} aria-posinset=${position + 1} key=${item.run.id} class=${`virtual ${position === cursor ? "is-current" : ""}`} style=${{ top: `${position * ROW}px` }}>
                <${RunRow} item=${item} now=${now} actions=${html`<${RowMenu} world=${world} run=${item.run} onDone=${reload} />`} />
              </div>`;
            })}
          </div>
        </div>`}
  </div>`;
}

/** @param {{ item: Overview, now: number, actions?: unknown }} props */
export function RunRow({ item, now, actions }) {
  const { run } = item;
  const started = run.startedAt ? Date.parse(run.startedAt) : null;
  const ended = run.completedAt ? Date.parse(run.completedAt) : now;
  return html`<div class="run-row">
    <${Status} status=${run.status} />
    <a class="run-name" href=${href({ view: "runs", id: run.id, query: {} })}><b>${item.automation}</b><span><code>${short(run.id)}</code> ${item.scenario}</span></a>
    <${MiniGantt} item=${item} now=${now} />
    <span class="run-time">${started === null ? "not started" : duration(ended - started)}<span>${ago(run.createdAt, now)}</span></span>
    ${actions}
  </div>`;
}

/** @param {{ world: string, run: Run, onDone: () => void }} props */
function RowMenu({ world, run, onDone }) {
  const finished = FINISHED.has(run.status);
  const then = (/** @type {Promise<unknown>} */ work) => work.then(onDone);
  return html`<${Menu} label=${html`<span aria-hidden="true">⋯</span><span class="visually-hidden">Actions of run ${short(run.id)}</span>`} items=${[
    { name: "Cancel", act: () => then(cancel(world, run)), disabled: finished },
    { name: "Retry failed steps", act: () => then(retry(world, run)), disabled: !finished },
    { name: "Retry all steps", act: () => then(retry(world, run, { mode: "full" })), disabled: !finished },
  ]} />`;
}

/** @param {string} world @param {Run} run */
export async function cancel(world, run) {
  try {
    await contract("POST", `/${run.id}/cancel`, world);
    toast("Cancelled the run");
  } catch (error) {
    report(error);
  }
}

/** @param {string} world @param {Run} run @param {Record<string, unknown>} [body] */
export async function retry(world, run, body = { mode: "from_failed" }) {
  try {
    const again = await contract("POST", `/${run.id}/retry`, world, body);
    toast("Retried the run");
    if (again.id !== run.id) go({ view: "runs", id: again.id, query: {} });
  } catch (error) {
    report(error);
  }
}
