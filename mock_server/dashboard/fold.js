/**
 * The fold of a run's log: the run, its steps and their attempts as of any event, by the rules of
 * the engine. The constant parts come from the present run.
 */

/** @type {Record<string, string>} */
const RUN_STATUS = {
  "run.created": "pending",
  "run.started": "running",
  "run.completed": "completed",
  "run.failed": "failed",
  "run.cancelled": "cancelled",
  "run.retried": "pending",
};

/** @type {Record<string, string>} */
const STEP_STATUS = {
  "step.started": "running",
  "step.awaiting_approval": "awaiting_approval",
  "step.approved": "running",
  "step.completed": "completed",
  "step.failed": "failed",
  "step.skipped": "skipped",
  "step.cancelled": "cancelled",
  "step.reset": "pending",
};

export const FINISHED = new Set(["completed", "failed", "cancelled"]);

/**
 * @typedef {{ start: number, end: number | null, status: string }} Attempt
 * @typedef {object} Folded
 * @property {Run} run
 * @property {Step[]} steps
 * @property {Record<string, Attempt[]>} attempts by step key, oldest first
 * @property {LogEvent | null} last the last event that was applied
 */

/** @type {Partial<Step>} */
const CLEAR = {
  status: "pending",
  startedAt: null,
  completedAt: null,
  durationSeconds: null,
  error: null,
  result: null,
  resultTruncated: false,
  actionRunId: null,
  decisionId: null,
};

/**
 * Return the state after the first `count` events.
 * @param {Inspection} inspected
 * @param {number} [count]
 * @returns {Folded}
 */
export function fold(inspected, count = inspected.log.length) {
  const run = {
    ...inspected.run,
    status: "pending",
    startedAt: /** @type {string | null} */ (null),
    completedAt: /** @type {string | null} */ (null),
    durationSeconds: /** @type {number | null} */ (null),
    error: null,
    externalJobId: null,
    updatedAt: inspected.run.createdAt,
  };
  const steps = inspected.steps.steps.map((step) => /** @type {Step} */ ({ ...step, ...CLEAR }));
  const byKey = new Map(steps.map((step) => [step.key, step]));
  /** @type {Record<string, Attempt[]>} */
  const attempts = {};
  const events = inspected.log.slice(0, count);
  for (const event of events) {
    run.updatedAt = event.at;
    const step = event.step === null ? undefined : byKey.get(event.step);
    if (step) applyToStep(step, event, (attempts[step.key] ??= []));
    else applyToRun(run, event);
  }
  return { run, steps, attempts, last: events.at(-1) ?? null };
}

/**
 * @param {Run} run
 * @param {LogEvent} event
 */
function applyToRun(run, event) {
  run.status = RUN_STATUS[event.event] ?? run.status;
  switch (event.event) {
    case "run.started":
      run.startedAt = event.at;
      run.externalJobId = event.facts.externalJobId;
      break;
    case "run.failed":
      run.error = event.facts.error;
    // A failed run has an end, too.
    case "run.completed":
    case "run.cancelled":
      run.completedAt = event.at;
      run.durationSeconds = seconds(run.startedAt, event.at);
      break;
    case "run.retried":
      Object.assign(run, { startedAt: null, completedAt: null, durationSeconds: null, error: null, externalJobId: null });
  }
}

/**
 * @param {Step} step
 * @param {LogEvent} event
 * @param {Attempt[]} attempts
 */
function applyToStep(step, event, attempts) {
  const at = Date.parse(event.at);
  const open = attempts.at(-1);
  step.status = STEP_STATUS[event.event] ?? step.status;
  switch (event.event) {
    case "step.started":
    case "step.awaiting_approval":
      step.startedAt = event.at;
      if (event.event === "step.started") step.actionRunId = event.facts.actionRunId;
      else step.decisionId = event.facts.decisionId;
      attempts.push({ start: at, end: null, status: step.status });
      return;
    case "step.approved":
      step.actionRunId = event.facts.actionRunId;
      break;
    case "step.completed":
      step.result = event.facts.result;
      step.resultTruncated = event.facts.truncated;
      break;
    case "step.failed":
      step.error = event.facts.error;
      break;
    case "step.reset":
      Object.assign(step, CLEAR);
      return;
  }
  if (["step.completed", "step.failed", "step.cancelled"].includes(event.event)) {
    step.completedAt = step.startedAt ? event.at : null;
    step.durationSeconds = seconds(step.startedAt, step.completedAt);
    if (open && open.end === null) open.end = at;
  }
  if (open) open.status = step.status;
}

/**
 * @param {string | null | undefined} start
 * @param {string | null | undefined} end
 */
function seconds(start, end) {
  return start && end ? (Date.parse(end) - Date.parse(start)) / 1000 : null;
}
