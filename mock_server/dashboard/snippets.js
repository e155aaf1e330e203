/** A run as code: how a client reads, follows and tests it. */

import { RUNS, address, origin } from "./api.js";

/**
 * @param {string} world
 * @param {Inspection} inspected
 * @returns {{ name: string, text: string }[]}
 */
export function snippets(world, inspected) {
  const url = address(`${RUNS}/${inspected.run.id}`);
  const scenario = inspected.scenario;
  const status = inspected.run.status;
  return [
    {
      name: "curl",
      text: `curl -H 'X-API-Key: ${world}' '${url}'`,
    },
    {
      name: "fetch",
      text: `const response = await fetch("${url}", {
  headers: { "X-API-Key": "${world}" },
});
const run = await response.json();`,
    },
    {
      name: "EventSource",
      text: `// A browser sends the cookie; set it once:
// ${origin}/_mock/login?as=${world}
const source = new EventSource("${url}/events", { withCredentials: true });
for (const type of ["run.started", "step.started", "step.completed", "step.failed", "run.completed", "run.failed", "run.cancelled"])
  source.addEventListener(type, ({ data }) => console.log(type, JSON.parse(data)));`,
    },
    {
      name: "pytest",
      text: `def test_${scenario.replace(/\W/g, "_")}(mock_world):
    run_id = mock_world.create("${scenario}")
    mock_world.advance(3600)
    assert mock_world.run(run_id)["status"] == "${status}"`,
    },
    {
      name: "Playwright",
      text: `test("${scenario}", async ({ page, request }) => {
  const mock = "${origin}/_mock";
  const world = "test-${scenario}";
  await request.post(\`\${mock}/reset?world=\${world}\`, { data: { start: "empty", scale: 0 } });
  const created = await request.post(\`\${mock}/runs?world=\${world}\`, { data: { scenario: "${scenario}" } });
  const { id } = await created.json();
  await page.goto(\`/runs/\${id}\`);
  await request.post(\`\${mock}/clock/advance?world=\${world}\`, { data: { seconds: 3600 } });
  await expect(page.getByText("${status}")).toBeVisible();
});`,
    },
  ];
}

/**
 * Return the path and query of a request of the journal, as in a URL.
 * @param {Entry} entry
 */
export const target = (entry) => `${encodeURI(entry.path).replace(/[?#]/g, encodeURIComponent)}${entry.query && `?${entry.query}`}`;

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Return the command that sends a request of the journal again.
 * @param {Entry} entry
 */
export function asCurl(entry) {
  const options = [
    entry.method !== "GET" && `-X ${/^[A-Z]+$/.test(entry.method) ? entry.method : quoted(entry.method)}`,
    entry.tenant && `-H ${quoted(`X-API-Key: ${entry.tenant}`)}`,
    entry.body && `-H ${quoted(`Content-Type: ${entry.headers["content-type"] ?? "application/json"}`)} --data-raw ${quoted(entry.body)}`,
  ];
  return ["curl", ...options.filter(Boolean), quoted(origin + target(entry))].join(" ");
}

/**
 * Copy a text; return whether that worked.
 * @param {string} text
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
