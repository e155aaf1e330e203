// What a frontend does with the types that are generated from the contract. It is compiled, never
// run: where a line is marked as an error, the types must refuse it.

import type { components, operations, paths } from "./contract";

type Run = components["schemas"]["Run"];
type RunEvent = components["schemas"]["RunEvent"];
type Retry = NonNullable<
  paths["/api/v1/automation-runs/{run_id}/retry"]["post"]["requestBody"]
>["content"]["application/json"];
type Filter = NonNullable<operations["listRuns"]["parameters"]["query"]>;

const RUNS = "/api/v1/automation-runs" satisfies keyof paths;

export async function list(filter: Filter): Promise<components["schemas"]["RunPage"]> {
  const query = new URLSearchParams(
    Object.entries(filter).map(([name, value]) => [name, String(value)]),
  );
  const response = await fetch(`${RUNS}?${query}`, { credentials: "include" });
  if (!response.ok) {
    const error: components["schemas"]["Error"] = await response.json();
    throw new Error(error.detail);
  }
  return response.json();
}

export function follow(run: Run, show: (line: string) => void): EventSource {
  const source = new EventSource(`${RUNS}/${run.id}/events`, { withCredentials: true });
  const kind: components["schemas"]["EventType"] = "step.completed";
  source.addEventListener(kind, (message: MessageEvent<string>) => {
    const { data }: RunEvent = JSON.parse(message.data);
    show(`${data.step?.name ?? "?"}: ${data.step?.durationSeconds?.toFixed(1) ?? "-"} s`);
  });
  return source;
}

export function colour(status: Run["status"]): string {
  switch (status) {
    case "pending":
      return "grey";
    case "running":
      return "blue";
    case "completed":
      return "green";
    case "failed":
      return "red";
    case "cancelled":
      return "amber";
  }
}

export const retries: Retry[] = [
  {},
  { mode: "full", stepKey: null },
  { mode: "from_step", stepKey: "load" },
  // @ts-expect-error: there is not a such mode
  { mode: "from_start" },
];

export const age = (run: Run): number => Date.now() - Date.parse(run.createdAt);

// @ts-expect-error: a run that has not finished has no end
export const end = (run: Run): number => Date.parse(run.completedAt);

// @ts-expect-error: the answer to a request that was not understood is a list of faults
export const reason = (error: components["schemas"]["ValidationError"]): string => error.detail;
