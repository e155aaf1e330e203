/** Times, durations and names as text. */

/** @param {string | number} at */
export const timeOfDay = (at) => new Date(at).toISOString().slice(11, 19);

/** @param {string | number} at */
export const preciseTime = (at) => new Date(at).toISOString().slice(11, 23);

/** @param {string | number} at */
export const dateTime = (at) => new Date(at).toISOString().replace("T", " ").slice(0, 19);

/**
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < 0) return "0 s";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${Math.round(ms / 100) / 10} s`;
  const units = /** @type {[string, number][]} */ ([["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]]);
  const total = Math.round(ms / 1000);
  const first = units.findIndex(([, length]) => total >= length);
  const [name, length] = units[first];
  const [below, part] = units[first + 1] ?? ["", 0];
  const rest = part ? Math.floor((total % length) / part) : 0;
  return `${Math.floor(total / length)} ${name}${rest ? ` ${rest} ${below}` : ""}`;
}

/**
 * @param {string} at
 * @param {number} now
 */
export function ago(at, now) {
  const ms = now - Date.parse(at);
  return ms < 1500 ? "just now" : `${duration(ms).split(" ").slice(0, 2).join(" ")} ago`;
}

/** @param {string} id */
export const short = (id) => id.slice(0, 8);

/** @param {number} bytes */
export const size = (bytes) =>
  bytes < 1024 ? `${bytes} B` : bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;

/**
 * Return the middle of a duration of a scenario such as `2s` or `1m..3m`, in milliseconds.
 * @param {string} text
 */
export function span(text) {
  const units = /** @type {Record<string, number>} */ ({ ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 });
  const ends = `${text}`.split("..").map((end) => {
    const [, amount, unit] = /^([\d.]+)\s*(ms|s|m|h|d)?$/.exec(end.trim()) ?? [];
    return amount ? Number(amount) * (units[unit] ?? 1000) : 1000;
  });
  return (ends[0] + (ends[1] ?? ends[0])) / 2;
}

/**
 * Return a value as YAML.
 * @param {any} value
 * @param {string} [indent]
 * @returns {string}
 */
export function yaml(value, indent = "") {
  if (Array.isArray(value) && value.length && value.some((one) => one && typeof one === "object"))
    return value.map((one) => `\n${indent}- ${yaml(one, `${indent}  `).trimStart()}`).join("");
  if (value && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length)
    return Object.entries(value)
      .map(([key, one]) => {
        const nested = one && typeof one === "object" && Object.keys(one).length && !(Array.isArray(one) && one.every((x) => typeof x !== "object"));
        return `\n${indent}${plain(key)}:${nested ? "" : " "}${yaml(one, `${indent}  `)}`;
      })
      .join("");
  if (Array.isArray(value)) return `[${value.map((one) => yaml(one)).join(", ")}]`;
  return typeof value === "string" ? plain(value) : JSON.stringify(value);
}

/** @param {string} text */
const plain = (text) =>
  /^[A-Za-z][\w -]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text) && text.trim() === text
    ? text
    : JSON.stringify(text);

/**
 * Return the scenario without what is as by default, as a scenario file.
 * @param {Definition} definition
 */
export function scenarioFile(definition) {
  const steps = definition.steps.map((step) => {
    /** @type {Record<string, unknown>} */
    const kept = { key: step.key, name: step.name };
    if (step.dependsOn.length) kept.dependsOn = step.dependsOn;
    kept.takes = step.takes;
    if (`${step.outcome}` !== "succeeds") kept.outcome = step.outcome;
    if (step.result != null) kept.result = step.result;
    if (step.truncated) kept.truncated = true;
    if (step.outcome.includes("fails")) kept.error = step.error;
    return kept;
  });
  const { concurrencyKey, ...rest } = definition;
  return `${yaml({ ...rest, ...(concurrencyKey ? { concurrencyKey } : {}), steps }).trimStart()}\n`;
}
