"""LIFE: a run over time."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

from conformance.assertions.matchers import progressed, unchanged
from conformance.checks.support.acknowledged_cancel import acknowledged_cancel
from conformance.checks.support.retried_run import retried_run
from conformance.client.run_events import run_events
from conformance.errors import CheckFailed, Inconclusive, Unsupported
from conformance.harness.context import CheckContext
from conformance.harness.markers import requirement
from conformance.harness.run_recording import Snapshot
from conformance.vocabulary import NEXT_STATUSES, Operation, State, Status

Json = dict[str, Any]
ALLOWED: Mapping[str, Collection[str]] = {
    s: {*after, Status.CANCELLED} for s, after in NEXT_STATUSES.items()
}


@requirement("LIFE-01", shares="watched")
def check_only_allowed_changes_are_seen(context: CheckContext) -> None:
    """Forward, and never out of a final status."""
    for state in (State.SUCCEEDS, State.FAILS):
        for before, after in pairwise(context.status_history(state)):
            if after not in ALLOWED.get(before, ()):
                raise CheckFailed(f"a run went from {before} to {after}")


@requirement("LIFE-02", shares="watched")
def check_a_succeeding_run_completes(context: CheckContext) -> None:
    """Pending, running, completed."""
    seen = context.status_history(State.SUCCEEDS)
    if seen[0] != Status.PENDING:
        raise Inconclusive(
            f"the run was {seen[0]} already when it was first seen: provide a 'succeeds' that "
            f"waits for half a second before it starts"
        )
    if seen[-1] != Status.COMPLETED:
        raise CheckFailed(f"a run that should complete went {' -> '.join(seen)}")
    last = context.history(State.SUCCEEDS)[-1].run
    if Status.RUNNING not in seen and (last.get("durationSeconds") or 0) > 2:
        raise CheckFailed(f"a run of {last['durationSeconds']} s was never seen running")


@requirement("LIFE-03", shares="watched")
def check_a_failing_run_fails(context: CheckContext) -> None:
    """The run and one of its steps are failed, and both say why."""
    last = context.history(State.FAILS)[-1]
    if last.run.get("status") != Status.FAILED:
        raise CheckFailed(f"a run that should fail is {last.run.get('status')}")
    failed = [step for step in last.steps if step["status"] == "failed"]
    if not failed:
        raise CheckFailed("a failed run has no failed step")
    if last.run.get("error") is None or all(step.get("error") is None for step in failed):
        raise CheckFailed("a failed run or its failed step has no error")


@requirement("LIFE-04", shares="watched", early=CheckContext.cancelled_runs)
def check_final_status_is_permanent(context: CheckContext) -> None:
    """Nothing happens by itself to a run that has finished, nor to one that would have completed
    soon and was cancelled."""
    ended: list[Snapshot] = []
    for state, at in (
        (State.COMPLETED, None),
        (State.FAILS, Status.FAILED),
        (State.CANCELLED, None),
    ):
        run_id = context.runs.shared(state, at)
        ended.append(context.snapshot(run_id))
    for state in (State.SUCCEEDS, State.FAILS):
        # They are watched for other checks, long ago by now.
        with contextlib.suppress(Inconclusive, Unsupported):
            ended.append(context.history(state)[-1])
    context.check_unchanged([*context.cancelled_runs(), *ended])


@requirement("LIFE-05", shares="watched")
def check_all_operations_agree(context: CheckContext) -> None:
    """At rest the list, the run, its steps and its events agree."""
    recording = context.recording()
    run, steps = context.api.run(recording.run_id), context.steps(recording.run_id)
    events = run_events(recording.first.events)
    if not events:
        raise Inconclusive("the stream has no event to compare", caused_by="EVENTS-15")
    completed = {step["key"] for step in steps if step["status"] == "completed"}
    heard = {event.step_key for event in events if event.outcome == "completed" and event.step_key}
    if completed != heard:
        raise CheckFailed(f"steps say {sorted(completed)} completed, events say {sorted(heard)}")
    if events[-1].run is not None and (why := unchanged(run, events[-1].run, ("status", "error"))):
        raise CheckFailed(f"run and last event disagree: {why}")
    if (run.get("status") == Status.COMPLETED) != all(s["status"] == "completed" for s in steps):
        raise CheckFailed(
            f"the run is {run.get('status')}, its steps {[s['status'] for s in steps]}"
        )
    item, why = context.listed(recording.run_id, partial(unchanged, run))
    if item is None:
        raise CheckFailed("the run can be read and is not in the list")
    if why:
        raise CheckFailed(f"run and list disagree: {why}")


@requirement("LIFE-06", shares="watched")
def check_reading_changes_nothing(context: CheckContext) -> None:
    """A waiting run is the same after it was looked at in every way."""
    before, after = _read_everything(context, context.runs.shared(State.PENDING))
    if progressed(before, after) and context.runs.unlimited:
        # Its time may have come just then; that of another has not.
        before, after = _read_everything(context, context.runs.fresh(State.PENDING))
    if why := unchanged(before, after):
        raise CheckFailed(f"reading changed a run: {why}")


@requirement("LIFE-07", shares="retried")
def check_reads_show_an_acknowledged_cancel(context: CheckContext) -> None:
    """By id, in the list under its status, and in the stream, within `--settle`."""
    cancel = acknowledged_cancel(context)
    context.api.get_run(cancel.run_id)
    if cancel.stale:
        name, why = next(iter(cancel.stale.items()))
        raise CheckFailed(
            f"{cancel.response.summary} with the run {cancel.response.object().get('status')}, and "
            f"{context.settling.limit:g} s later (--settle) {name} shows an earlier state: {why}"
        )


@requirement("LIFE-07", shares="retried")
def check_reads_show_an_acknowledged_retry(context: CheckContext) -> None:
    """Where the retry continues the run (Q01), it is not read as it was before."""
    retried = retried_run(context)
    context.api.get_run(retried.new)
    if retried.stale:
        raise CheckFailed(
            f"{retried.response.summary}, and {context.settling.limit:g} s later (--settle) "
            f"{retried.stale} can still be read as before the retry"
        )


@requirement("LIFE-08", shares="retried")
def check_representations_have_the_same_fields(context: CheckContext) -> None:
    """The item of a pending run, the response to a cancel, and that to a retry."""
    for what, read, other in _representations(context):
        missing = [name for name, value in read.items() if value is not None and name not in other]
        if missing:
            context.api.get_run(str(read.get("id")))
            raise CheckFailed(f"{what} has no {missing[0]!r}, and the run that is read by id has")


def _representations(context: CheckContext) -> Iterator[tuple[str, Json, Json]]:
    """A name for another representation of a run, the run as read by id, and the other."""
    cancel = acknowledged_cancel(context)
    before, page = (cancel.before[o].object() for o in (Operation.GET, Operation.LIST))
    for item in page.get("items") or ():
        if item.get("id") == cancel.run_id:
            yield "the item in the list", before, item
    after, response = cancel.after[Operation.GET].object(), cancel.response.object()
    if unchanged(after, response, ("status", "updatedAt")) is None:
        yield "the response to a cancel", after, response
    with contextlib.suppress(Inconclusive, Unsupported):
        retried = retried_run(context)
        after, response = retried.after[0].run, retried.response.object()
        if unchanged(after, response, ("status", "updatedAt")) is None:
            yield "the response to a retry", after, response


def _read_everything(context: CheckContext, run_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The run before and after it was looked at in every way."""
    before = context.api.run(run_id)
    context.api.list_runs()
    context.api.get_steps(run_id)
    with context.api.events(run_id) as stream:
        stream.wait(0.5, lambda s: bool(s.message_count))
    return before, context.api.run(run_id)
