"""STEPS: the steps of a run."""

from __future__ import annotations

import contextlib
from typing import Any

from conformance.assertions.invariants import (
    counts_match_steps,
    dependencies_acyclic,
    keys_unique,
    started_before_dependency,
    step_times_consistent,
)
from conformance.assertions.matchers import (
    in_order,
    parse_timestamp,
    require,
    status,
    with_dependents,
)
from conformance.checks.support import question_answers, samples
from conformance.checks.support.retry import rerun_id, retry_accepted
from conformance.errors import CheckFailed, Inconclusive, Outcome
from conformance.harness.context import MALFORMED_RUN, UNKNOWN_RUN, CheckContext, steps_in
from conformance.harness.markers import requirement
from conformance.vocabulary import Operation, State, Status


@requirement("STEPS-01")
def check_steps_have_the_documented_types(context: CheckContext) -> None:
    """200, the steps and their counts, for a run of every status."""
    for run_id in samples.sample_runs(context):
        response = require(samples.request(context, Operation.STEPS, run_id), status(200))
        context.check_schema(response, "RunSteps")
        for step in response.object()["steps"]:
            question_answers.empty_fields(context, "Step", step, response)


@requirement("STEPS-02")
def check_automation_run_id_is_the_run(context: CheckContext) -> None:
    """`automationRunId` is the id asked for."""
    samples.check_sampled_ids(context, Operation.STEPS, "automationRunId")


@requirement("STEPS-03")
def check_counts_match_the_steps(context: CheckContext) -> None:
    """Each count is the number of steps with its status."""
    samples.sampled(context, Operation.STEPS, counts_match_steps)


@requirement("STEPS-03", wants=[State.FAILS_ONCE])
def check_counts_match_the_steps_of_a_retried_run(context: CheckContext) -> None:
    """Also when those have just changed."""
    for run_id in _just_retried(context):
        if why := counts_match_steps(context.api.steps(run_id)):
            raise CheckFailed(why)


@requirement("STEPS-04")
def check_keys_are_unique(context: CheckContext) -> None:
    """No two steps of a run share one."""
    samples.sampled(context, Operation.STEPS, lambda body: keys_unique(steps_in(body)))


@requirement("STEPS-05")
def check_dependencies_form_a_dag(context: CheckContext) -> None:
    """They name existing steps, never the step itself, and no circle."""
    steps = context.steps(context.runs.shared(State.DIAMOND))
    if not any(step["dependsOn"] for step in steps):
        raise Inconclusive("no step depends on another")
    if why := dependencies_acyclic(steps):
        raise CheckFailed(why)
    samples.sampled(context, Operation.STEPS, lambda body: dependencies_acyclic(steps_in(body)))


@requirement("STEPS-06")
def check_no_step_starts_before_its_dependencies_completed(context: CheckContext) -> None:
    """In a diamond, over its whole life, by status and by time."""
    for timestamp in context.history(State.DIAMOND):
        by_key = {step["key"]: step for step in timestamp.steps}
        for step in timestamp.steps:
            if step.get("startedAt") is None or step["status"] == "pending":
                continue
            for key in step["dependsOn"]:
                _after(step, by_key.get(key))


@requirement("STEPS-07")
def check_step_times_are_consistent(context: CheckContext) -> None:
    """Started before completed, with the duration in between."""

    def wrong(body: dict[str, Any]) -> str | None:
        for step in steps_in(body):
            if why := step_times_consistent(step):
                return f"the {step['status']} step {step['key']!r}: {why}"
        return None

    samples.sampled(context, Operation.STEPS, wrong)


@requirement("STEPS-08")
def check_dependents_of_a_failed_step_do_not_complete(context: CheckContext) -> None:
    """The failed step says why; those behind it wait, are skipped or cancelled (Q18)."""
    steps = context.steps(context.runs.shared(State.FAILS, Status.FAILED))
    failed = [step for step in steps if step["status"] == "failed"]
    if not failed:
        raise Inconclusive("the failed run has no failed step", caused_by="LIFE-03")
    for step in failed:
        if step.get("error") is None:
            raise CheckFailed(f"the failed step {step['key']!r} has no error")
    keys = with_dependents(steps, [step["key"] for step in failed]) - {
        step["key"] for step in failed
    }
    later = {step["status"] for step in steps if step["key"] in keys}
    if bad := later & {"completed", "running", "failed"}:
        raise CheckFailed(f"a dependent of the failed step is {sorted(bad)[0]}")
    if later:
        known = sorted(later & set(context.questions["Q18"].answers)) if len(later) == 1 else ()
        context.observe(
            "Q18", *known, observed=f"dependents of a failed step are {', '.join(sorted(later))}"
        )


@requirement("STEPS-09")
def check_a_completed_run_has_no_open_step(context: CheckContext) -> None:
    """None is pending, running or failed."""
    for step in context.steps(context.runs.shared(State.COMPLETED)):
        if step["status"] in ("pending", "running", "failed", "awaiting_approval"):
            raise CheckFailed(f"a completed run has the {step['status']} step {step['key']!r}")


@requirement("STEPS-10")
def check_result_truncated_is_a_boolean(context: CheckContext) -> None:
    """In every step that says anything about it."""

    def wrong(body: dict[str, Any]) -> str | None:
        for step in steps_in(body):
            if "resultTruncated" in step and type(step["resultTruncated"]) is not bool:
                return f"resultTruncated is {step['resultTruncated']!r}"
        return None

    samples.sampled(context, Operation.STEPS, wrong)


@requirement("STEPS-11")
def check_steps_of_an_unknown_run_are_not_found(context: CheckContext) -> None:
    """The steps of other runs were read."""
    samples.sampled(context, Operation.STEPS)
    require(context.api.get_steps(UNKNOWN_RUN), status(404))


@requirement("STEPS-12")
def check_steps_lie_within_the_run(context: CheckContext) -> None:
    """No step starts before the run or ends after it. A run that the kit did not make may have been
    retried, and have steps that ended before it started last."""
    run_id = context.runs.shared(State.COMPLETED)
    run, steps = context.api.run(run_id), context.steps(run_id)
    known = context.runs.created(run_id)
    of_last = [step for step in steps if known or not _was_kept(step, run)]
    if steps and not of_last:
        raise Inconclusive(
            "every step ended before the run started, as after a retry: have the kit make a run, "
            "or name one that was not retried"
        )
    for step in of_last:
        span = {
            "the run's startedAt": run.get("startedAt"),
            "its startedAt": step.get("startedAt"),
            "its completedAt": step.get("completedAt"),
            "the run's completedAt": run.get("completedAt"),
        }
        if why := in_order(span, *span):
            raise CheckFailed(f"the step {step['key']!r}: {why}")


@requirement("STEPS-13")
def check_steps_of_a_malformed_id_are_rejected(context: CheckContext) -> None:
    """A malformed id is a validation error, not a lookup."""
    require(context.api.get_steps(MALFORMED_RUN), status(422))


def _just_retried(context: CheckContext) -> list[str]:
    """A run whose steps were set back a moment ago, where there can be one."""
    with contextlib.suppress(Outcome):
        run_id = context.runs.fresh(State.FAILS_ONCE, Status.FAILED)
        return [rerun_id(context, run_id, retry_accepted(context, run_id, {"mode": "full"}))]
    return []


def _was_kept(step: dict[str, Any], run: dict[str, Any]) -> bool:
    """Whether the step had ended when the run started."""
    try:
        return parse_timestamp(step.get("completedAt")) <= parse_timestamp(run.get("startedAt"))
    except ValueError:
        return False


def _after(step: dict[str, Any], needed: dict[str, Any] | None) -> None:
    if needed is None:
        raise Inconclusive("a dependency names no step", caused_by="STEPS-05")
    try:
        why = started_before_dependency(step, needed)
    except ValueError as fault:
        raise Inconclusive(f"the times of the steps cannot be read: {fault}") from None
    if why:
        raise CheckFailed(f"the {step['status']} step {step['key']!r}: {why}")
