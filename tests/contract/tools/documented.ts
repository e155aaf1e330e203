// What a frontend can rely on with types generated from the documented view. Compiled, never run:
// where a line is marked as an error, the types must reject it.

import type { components, paths } from "./contract";

type Run = components["schemas"]["Run"];
type Retry = NonNullable<
  paths["/api/v1/automation-runs/{run_id}/retry"]["post"]["requestBody"]
>["content"]["application/json"];

export const title = (run: Run): string => `${run.id ?? "?"} ${run.status ?? "unknown"}`;

export const retries: Retry[] = [
  {},
  { mode: "from_step", stepKey: "load" },
  // @ts-expect-error: the mode is documented
  { mode: "from_start" },
];

// @ts-expect-error: the reference does not say that the field is always there
export const id = (run: Run): string => run.id;

// @ts-expect-error: events are not documented
export type Event = components["schemas"]["RunEvent"];
