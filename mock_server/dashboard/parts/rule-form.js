/** A form for a fault rule, made from the schema of the control API: it has every kind there is. */

import { html, useState } from "../preact.js";
import { address } from "../api.js";
import { useResource } from "../resource.js";

const CONDITIONS = ["operations", "probability", "count", "lasts"];

/** @param {{ busy: boolean, onAdd: (rule: unknown) => void }} props */
export function RuleForm({ busy, onAdd }) {
  const { data } = useResource(async () => (await (await fetch(address("_mock/openapi.json"))).json()).components.schemas, [], []);
  const [kind, setKind] = useState("status");
  const [values, setValues] = useState(/** @type {Record<string, any>} */ ({}));
  const [operations, setOperations] = useState(/** @type {string[]} */ ([]));
  const [conditions, setConditions] = useState(/** @type {Record<string, string>} */ ({}));
  if (!data) return null;
  const rule = data.FaultRule.properties;
  const kinds = Object.keys(rule).filter((name) => !CONDITIONS.includes(name));
  const fields = Object.entries(rule[kind].properties ?? {});
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    /** @type {Record<string, unknown>} */
    const given = { [kind]: Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "" && value !== undefined)) };
    if (operations.length) given.operations = operations;
    if (conditions.probability) given.probability = Number(conditions.probability) / 100;
    if (conditions.count) given.count = Number(conditions.count);
    if (conditions.lasts) given.lasts = conditions.lasts;
    onAdd(given);
  };
  const toggle = (/** @type {string} */ name) => setOperations((before) => (before.includes(name) ? before.filter((one) => one !== name) : [...before, name]));
  const condition = (/** @type {string} */ name) => (/** @type {any} */ event) => setConditions((before) => ({ ...before, [name]: event.target.value }));
  return html`<section class="panel" aria-labelledby="build"><h2 id="build">Build a rule</h2>
    <form class="builder" onSubmit=${submit}>
      <label>Fault
        <select onChange=${(/** @type {any} */ event) => { setKind(event.target.value); setValues({}); }}>${kinds.map((name) => html`<option value=${name} selected=${name === kind}>${name}</option>`)}</select>
        <small>${rule[kind].description}</small></label>
      ${fields.map(([name, schema]) => html`<${Field} key=${`${kind}.${name}`} name=${name} schema=${resolve(data, schema)} value=${values[name]} onChange=${(/** @type {unknown} */ value) => setValues((before) => ({ ...before, [name]: value }))} />`)}
      <fieldset><legend>Operations, all if none is chosen</legend>
        ${rule.operations.items.enum.map((/** @type {string} */ name) => html`<label class="check"><input type="checkbox" checked=${operations.includes(name)} onChange=${() => toggle(name)} /> ${name}</label>`)}
      </fieldset>
      <label>Probability in percent <input type="number" min="0" max="100" placeholder="100" onInput=${condition("probability")} /></label>
      <label>For so many requests <input type="number" min="1" placeholder="unlimited" onInput=${condition("count")} /></label>
      <label>For so long, in world time <input placeholder="such as 30s" pattern="[0-9.]+(ms|s|m|h|d)" onInput=${condition("lasts")} /></label>
      <button type="submit" class="primary" disabled=${busy}>Add the rule</button>
    </form>
  </section>`;
}

/** @param {Record<string, any>} schemas @param {any} schema */
const resolve = (schemas, schema) => (schema.$ref ? { ...schemas[schema.$ref.split("/").at(-1)], duration: true } : schema);

/** @param {{ name: string, schema: any, value: any, onChange: (value: unknown) => void }} props */
function Field({ name, schema, value, onChange }) {
  const help = schema.duration ? "A duration such as 1.5s" : schema.description;
  if (schema.type === "boolean")
    return html`<label class="check"><input type="checkbox" checked=${value ?? schema.default ?? false} onChange=${(/** @type {any} */ event) => onChange(event.target.checked)} /><span>${name}<br /><small>${help}</small></span></label>`;
  const numeric = schema.type === "integer" || schema.type === "number";
  return html`<label>${name}
    <input type=${numeric ? "number" : "text"} step=${schema.type === "number" ? "any" : "1"} min=${schema.minimum} max=${schema.maximum} placeholder=${schema.default ?? schema.example ?? ""} value=${value ?? ""}
      onInput=${(/** @type {any} */ event) => onChange(event.target.value === "" ? "" : numeric ? Number(event.target.value) : event.target.value)} />
    <small>${help}</small></label>`;
}
