/** Faults: presets as switches, the rules in force, and a form that builds a rule. */

import { html, useState } from "../preact.js";
import { control } from "../api.js";
import { setFaults } from "../feed.js";
import { duration } from "../format.js";
import { worldNow } from "../clock.js";
import { Failure, report } from "../parts/basics.js";
import { RuleForm } from "../parts/rule-form.js";
import { useResource } from "../resource.js";
import { app, toast, useStore } from "../store.js";

const CONDITIONS = ["operations", "probability", "count", "lasts"];

/** @param {{ route: Route }} props */
export function FaultsView({ route: { world } }) {
  const rules = useStore(app, (state) => state.faults);
  const presets = useResource(() => control("GET", "fault-presets"), [], []);
  const [busy, setBusy] = useState(false);
  // What was switched is shown at once, and replaced by what is in force.
  const [switched, setSwitched] = useState(/** @type {{ name: string, on: boolean } | null} */ (null));
  const act = async (/** @type {() => Promise<unknown>} */ change) => {
    setBusy(true);
    try {
      await change();
      setFaults(world, (await control("GET", "faults", { world })).items);
    } catch (error) {
      report(error);
    }
    setSwitched(null);
    setBusy(false);
  };
  const remove = (/** @type {number[]} */ ids) => act(() => Promise.all(ids.map((id) => control("DELETE", `faults/${id}`, { world }))));
  const items = presets.data?.items ?? [];
  return html`<div class="page faults">
    <header class="page-head"><div><h1>Faults</h1><p class="lead">What goes wrong on purpose. Equal seeds and equal requests get equal faults; this page itself gets none while it reads.</p></div>
      ${rules.length > 0 && html`<button type="button" disabled=${busy} onClick=${() => act(() => control("DELETE", "faults", { world }))}>Remove all</button>`}</header>
    <${Failure} error=${presets.error} />
    <section class="panel" aria-labelledby="presets"><h2 id="presets">Presets</h2>
      <div class="switches">${items.map((/** @type {any} */ preset) => {
        const ids = active(preset.rules, rules);
        return html`<label class="switch" key=${preset.name}><input type="checkbox" role="switch" disabled=${busy} checked=${switched && switched.name === preset.name ? switched.on : ids !== null} onChange=${() => {
          setSwitched({ name: preset.name, on: !ids });
          if (ids) remove(ids);
          else act(() => control("POST", `fault-presets/${preset.name}`, { world }));
        }} />
          <span><b>${preset.name}</b><small>${preset.summary}</small></span></label>`;
      })}</div>
    </section>
    <section class="panel" aria-labelledby="rules"><h2 id="rules">Rules in force</h2>
      ${rules.length
        ? html`<div class="table-area" tabindex="0" role="region" aria-label="Rules, scrollable"><table>
            <thead><tr><th scope="col">Fault</th><th scope="col">Operations</th><th scope="col">Probability</th><th scope="col">Applied</th><th scope="col">Ends</th><th scope="col"><span class="visually-hidden">Remove</span></th></tr></thead>
            <tbody>${rules.map((one) => html`<tr key=${one.id}>
              <th scope="row">${describe(one.rule)}</th>
              <td>${one.rule.operations?.length ? one.rule.operations.join(", ") : "all"}</td>
              <td>${Math.round((one.rule.probability ?? 1) * 100)} %</td>
              <td>${one.applied}${one.rule.count ? ` of ${one.rule.count}` : ""}</td>
              <td>${one.expiresAt ? `in ${duration(Date.parse(one.expiresAt) - worldNow())}` : "never"}</td>
              <td><button type="button" disabled=${busy} aria-label=${`Remove rule ${one.id}`} onClick=${() => remove([one.id])}>Remove</button></td>
            </tr>`)}</tbody></table></div>`
        : html`<p class="quiet-text">No faults: every response is as the contract says. Switch a preset on, or build a rule. A single request can select its own with <code>Prefer: fault=slow</code>.</p>`}
    </section>
    <${RuleForm} busy=${busy} onAdd=${(/** @type {unknown} */ rule) => act(async () => {
      await control("POST", "faults", { world, body: rule });
      toast("Added the rule");
    })} />
  </div>`;
}

/**
 * Return the rule in words: its kinds of faults with their values.
 * @param {Record<string, any>} rule
 */
export function describe(rule) {
  return Object.entries(rule)
    .filter(([name, value]) => !CONDITIONS.includes(name) && value != null)
    .map(([name, value]) => {
      const parts = Object.entries(value).filter(([, one]) => one !== null && one !== false);
      return parts.length ? `${name} (${parts.map(([key, one]) => `${key} ${one === true ? "" : one}`.trim()).join(", ")})` : name;
    })
    .join(" and ");
}

/**
 * Return the ids of the rules that a preset has added, null if one is missing.
 * @param {Record<string, any>[]} wanted
 * @param {ActiveRule[]} rules
 */
function active(wanted, rules) {
  const left = [...rules];
  const ids = [];
  for (const rule of wanted) {
    const index = left.findIndex((one) => same(one.rule, rule));
    if (index < 0) return null;
    ids.push(left.splice(index, 1)[0].id);
  }
  return ids;
}

/** @param {unknown} a @param {unknown} b */
const same = (a, b) => canonical(a) === canonical(b);

/** @param {any} value @returns {string} */
const canonical = (value) =>
  value && typeof value === "object" && !Array.isArray(value)
    ? `{${Object.keys(value).sort().filter((key) => value[key] != null).map((key) => `${key}:${canonical(value[key])}`)}}`
    : JSON.stringify(value);
