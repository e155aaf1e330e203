// The JSON of the mock, and the values that several modules share.

interface Run {
  id: string;
  status: string;
  createdAt: string;
  updatedAt: string;
  startedAt?: string | null;
  completedAt?: string | null;
  durationSeconds?: number | null;
  error?: Record<string, unknown> | null;
  externalJobId?: string | null;
  triggerType: string;
  versionNumber: number;
  [name: string]: unknown;
}

interface Step {
  key: string;
  name: string;
  status: string;
  dependsOn: string[];
  startedAt?: string | null;
  completedAt?: string | null;
  durationSeconds?: number | null;
  error?: Record<string, unknown> | null;
  result?: Record<string, unknown> | null;
  resultTruncated?: boolean;
  actionRunId?: string | null;
  decisionId?: string | null;
}

interface Bar {
  status: string;
  startedAt: string | null;
  completedAt: string | null;
}

interface Overview {
  run: Run;
  scenario: string;
  automation: string;
  stepCount: number;
  bars: Bar[];
}

interface LogEvent {
  id: number;
  at: string;
  event: string;
  step: string | null;
  facts: Record<string, any>;
}

interface StepDefinition {
  key: string;
  name?: string;
  dependsOn: string[];
  takes: string;
  outcome: string[];
  [name: string]: unknown;
}

interface Definition {
  summary: string;
  automation: { name: string; version: number };
  waits: string;
  steps: StepDefinition[];
  [name: string]: unknown;
}

interface Inspection extends Overview {
  steps: { steps: Step[]; [name: string]: unknown };
  definition: Definition;
  attempts: Record<string, number>;
  log: LogEvent[];
}

interface Clock {
  world: string;
  now: string;
  frozen: boolean;
  scale: number;
  nextDueAt: string | null;
  reached?: boolean;
}

interface World {
  name: string;
  runs: number;
  seed: number;
  now: string;
}

interface ActiveRule {
  id: number;
  rule: Record<string, any>;
  applied: number;
  expiresAt: string | null;
}

interface FaultKind {
  name: string;
  description: string;
  affectsBodies: boolean;
  affectsStreams: boolean;
  standsAlone: boolean;
  fields: Record<string, any>;
}

interface Flaw {
  loc: string[];
  msg: string;
  type: string;
}

interface Entry {
  number: number;
  method: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  body: string | null;
  operation: string | null;
  tenant: string | null;
  credential: string | null;
  at: string | null;
  status: number | null;
  reason: string | null;
  flaws: Flaw[];
  ignored: string[][];
  question: { number: string; question: string; answer: string; meaning: string } | null;
  faults: string[];
  backend: string | null;
  contract: { location: string | null; because: string };
  stream: string | null;
  durationMs: number | null;
  bytesSent: number;
  nearMisses: { method: string; path: string; reason: string }[];
}

interface ScenarioSummary {
  name: string;
  summary: string;
  steps: number;
  stepKeys: string[];
  dependsOn: number[][];
}

interface Part {
  name?: string;
  seen: string[];
  missing: string[];
  undeclared?: string[];
}

interface Route {
  world: string;
  view: string;
  id: string | null;
  query: Record<string, string>;
}

interface Command {
  name: string;
  hint?: string;
  run: () => void;
}

interface Toast {
  id: number;
  text: string;
  kind: "note" | "error";
  link?: { href: string; text: string };
}
