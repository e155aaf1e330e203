/** Faults: presets as switches, the rules in force, and a form that builds a rule. */

import { html, useState } from "../preact.js";
import { control } from "../api.js";
import { worldNow } from "../clock.js";
import { setFaults, useResource } from "../feed.js";
import { duration } from "../format.js";
import { Failure, Head, Panel, Table, report } from "../parts/basics.js";
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
    <${Head} title="Faults" lead="What goes wrong on purpose. Equal seeds and equal requests get equal faults; this page itself gets none while it reads.">${rules.length > 0 && html`<button type="button" disabled=${busy} onClick=${() => act(() => control("DELETE", "faults", { world }))}>Remove all</button>`}<//>
    <${Failure} error=${presets.error} />
    <${Panel} id="presets" title="Presets">
      <div class="switches">${items.map((/** @type {any} */ preset) => {
        const ids = active(preset.rules, rules);
        return html`<label class="switch" key=${preset.name}><input type="checkbox" role="switch" disabled=${busy} checked=${switched && switched.name === preset.name ? switched.on : ids !== null} onChange=${() => {
          setSwitched({ name: preset.name, on: !ids });
          if (ids) remove(ids);
          else act(() => control("POST", `fault-presets/${preset.name}`, { world }));
        }} />
          <span><b>${preset.name}</b><small>${preset.summary}</small></span></label>`;
      })}</div>
    <//>
    <${Panel} id="rules" title="Rules in force">
      ${rules.length
        ? html`<${Table} label="Rules" heads=${["Fault", "Operations", "Probability", "Applied", "Ends", html`<span class="visually-hidden">Remove</span>`]}>${rules.map((one) => html`<tr key=${one.id}>
              <th scope="row">${describe(one.rule)}</th>
              <td>${one.rule.operations?.length ? one.rule.operations.join(", ") : "all"}</td>
              <td>${Math.round((one.rule.probability ?? 1) * 100)} %</td>
              <td>${one.applied}${one.rule.count ? ` of ${one.rule.count}` : ""}</td>
              <td>${one.expiresAt ? `in ${duration(Date.parse(one.expiresAt) - worldNow())}` : "never"}</td>
              <td><button type="button" disabled=${busy} aria-label=${`Remove rule ${one.id}`} onClick=${() => remove([one.id])}>Remove</button></td>
            </tr>`)}<//>`
        : html`<p class="quiet-text">No faults: every response is as the contract says. Switch a preset on, or build a rule. A single request can select its own with <code>Prefer: fault=slow</code>.</p>`}
    <//>
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

/** @param {{ busy: boolean, onAdd: (rule: unknown) => void }} props */
function RuleForm({ busy, onAdd }) {
  const { data, error } = useResource(() => control("GET", "fault-kinds"), [], []);
  const [name, setName] = useState("status");
  const [values, setValues] = useState(/** @type {Record<string, any>} */ ({}));
  const [operations, setOperations] = useState(/** @type {string[]} */ ([]));
  const [conditions, setConditions] = useState(/** @type {Record<string, string>} */ ({}));
  if (!data) return html`<${Failure} error=${error} />`;
  const kinds = /** @type {FaultKind[]} */ (data.items);
  const kind = kinds.find((one) => one.name === name) ?? kinds[0];
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    /** @type {Record<string, unknown>} */
    const given = { [kind.name]: Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "" && value !== undefined)) };
    if (operations.length) given.operations = operations;
    if (conditions.lasts) given.lasts = conditions.lasts;
    if (!kind.standsAlone) {
      if (conditions.probability) given.probability = Number(conditions.probability) / 100;
      if (conditions.count) given.count = Number(conditions.count);
    }
    onAdd(given);
  };
  const toggle = (/** @type {string} */ one) => setOperations((before) => (before.includes(one) ? before.filter((other) => other !== one) : [...before, one]));
  const condition = (/** @type {string} */ one) => (/** @type {any} */ event) => setConditions((before) => ({ ...before, [one]: event.target.value }));
  const affects = [kind.affectsBodies && "responses", kind.affectsStreams && "event streams"].filter(Boolean).join(" and ");
  return html`<${Panel} id="build" title="Build a rule">
    <form class="builder" onSubmit=${submit}>
      <label>Fault
        <select onChange=${(/** @type {any} */ event) => { setName(event.target.value); setValues({}); }}>${kinds.map((one) => html`<option value=${one.name} selected=${one === kind}>${one.name}</option>`)}</select>
        <small>${kind.description} Affects ${affects}.</small></label>
      ${Object.entries(kind.fields).map(([field, schema]) => html`<${Field} key=${`${kind.name}.${field}`} name=${field} schema=${schema} value=${values[field]} onChange=${(/** @type {unknown} */ value) => setValues((before) => ({ ...before, [field]: value }))} />`)}
      <fieldset><legend>Operations, all if none is chosen</legend>
        ${data.conditions.operations.items.enum.map((/** @type {string} */ one) => html`<label class="check"><input type="checkbox" checked=${operations.includes(one)} onChange=${() => toggle(one)} /> ${one}</label>`)}
      </fieldset>
      ${!kind.standsAlone && html`<label>Probability in percent <input type="number" min="0" max="100" step="any" placeholder="100" onInput=${condition("probability")} /></label>
      <label>For so many requests <input type="number" min="1" placeholder="unlimited" onInput=${condition("count")} /></label>`}
      <label>For so long, in world time <input placeholder="such as 30s" pattern="[0-9.]+(ms|s|m|h|d)" onInput=${condition("lasts")} /></label>
      <button type="submit" class="primary" disabled=${busy}>Add the rule</button>
    </form>
  <//>`;
}

/** @param {{ name: string, schema: any, value: any, onChange: (value: unknown) => void }} props */
function Field({ name, schema, value, onChange }) {
  const help = schema.description?.replaceAll("`", "");
  if (schema.type === "boolean")
    return html`<label class="check"><input type="checkbox" checked=${value ?? schema.default ?? false} onChange=${(/** @type {any} */ event) => onChange(event.target.checked)} /><span>${name}<br /><small>${help}</small></span></label>`;
  const numeric = schema.type === "integer" || schema.type === "number";
  return html`<label>${name}
    <input type=${numeric ? "number" : "text"} step=${schema.type === "number" ? "any" : "1"} min=${schema.minimum} max=${schema.maximum} placeholder=${schema.default ?? schema.example ?? ""} value=${value ?? ""}
      onInput=${(/** @type {any} */ event) => onChange(event.target.value === "" ? "" : numeric ? Number(event.target.value) : event.target.value)} />
    <small>${help}</small></label>`;
}
