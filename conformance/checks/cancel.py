"""CANCEL: ending a run that has not finished."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from conformance.assertions.matchers import (
    client_error,
    has_status,
    no_server_error,
    require,
    status,
    success,
    timestamp,
    unchanged,
)
from conformance.checks.support.completion_race import TimedCancel, cancel_around_completion
from conformance.checks.support.question_answers import REJECTIONS, SUCCESSES
from conformance.checks.support.stale_cancel import COUNT, stale_response
from conformance.client.concurrency import concurrently
from conformance.client.response import Response
from conformance.client.run_events import has_ended, run_events, terminal_events
from conformance.client.stream import Stream
from conformance.errors import CheckFailed, Inconclusive, Unsupported
from conformance.harness.context import MALFORMED_RUN, UNKNOWN_RUN, CheckContext
from conformance.harness.markers import requirement
from conformance.harness.run_recording import Snapshot
from conformance.vocabulary import FINISHED, Level, State, Status

CALLERS = 6
Run = dict[str, Any]
_READ_BY_ID = 5
# The fields of a finished run that say how and when it ended.
_LASTING = ("status", "completedAt")


@requirement("CANCEL-01")
def check_response_is_the_run(context: CheckContext) -> None:
    """The 200 class, the documented types, the same id."""
    run_id = context.runs.fresh(State.PENDING)
    response = require(context.api.cancel(run_id), success)
    context.check_schema(response, "Run")
    if response.object().get("id") != run_id:
        raise CheckFailed(f"{response.summary} with the run {response.object().get('id')!r}")
    context.observe_status("Q22", response, SUCCESSES)


@requirement("CANCEL-02", early=CheckContext.cancelled_runs)
def check_a_pending_run_is_cancelled(context: CheckContext) -> None:
    """And stays so when it is read again."""
    run_id = context.runs.fresh(State.PENDING)
    _cancel_accepted(context, run_id)
    context.wait_for(lambda: context.api.run(run_id), has_status(Status.CANCELLED), within=5)
    for before in context.cancelled_runs() or [context.snapshot(run_id)]:
        context.poller.wait_for_effects(before.at)
        if why := has_status(Status.CANCELLED)(context.api.run(before.run["id"])):
            raise CheckFailed(f"it did not last: {why}")


@requirement("CANCEL-03")
def check_a_running_run_is_cancelled_soon(context: CheckContext) -> None:
    """At once, or when its work notices (Q10)."""
    run_id = context.runs.fresh(State.RUNNING_LONG)
    response = _cancel_accepted(context, run_id)
    at_first = response.object().get("status")
    context.wait_for(lambda: context.api.run(run_id), has_status(Status.CANCELLED))
    words = {Status.CANCELLED: "at_once", Status.RUNNING: "cooperative"}
    observed = f"{response.summary} with the run {at_first}, and it came to be cancelled"
    known = [word for status, word in words.items() if status == at_first]
    context.observe("Q10", *known, observed=observed, exchange=response.exchange)


@requirement("CANCEL-04", early=CheckContext.cancelled_runs)
def check_no_step_runs_after_a_cancel(context: CheckContext) -> None:
    """After a cancellation no step is running and none starts; neither in the middle of a long step
    nor where the next one is near."""
    run_id = context.runs.fresh(State.RUNNING_LONG)
    _check_no_step_starts(context, run_id)
    # One that has completed sooner shows nothing, and need not.
    with contextlib.suppress(Inconclusive, Unsupported):
        _check_no_step_starts(context, context.runs.fresh(State.SUCCEEDS, Status.RUNNING))
    for snapshot in context.cancelled_runs() or [context.snapshot(run_id)]:
        context.poller.wait_for_effects(snapshot.at)
        for before, after in zip(snapshot.steps, context.steps(snapshot.run["id"]), strict=False):
            if why := unchanged(before, after, ("status", "startedAt")):
                raise CheckFailed(f"a step of a cancelled run went on: {why}")


@requirement("CANCEL-05", wants=[State.COMPLETED])
def check_a_finished_run_cannot_be_cancelled(context: CheckContext) -> None:
    """Check that the run is unchanged, with any response (Q02)."""
    finished: list[Snapshot] = []
    for state in (State.COMPLETED, State.CANCELLED):
        before = context.snapshot(context.runs.fresh(state))
        response = require(context.api.cancel(before.run["id"]), no_server_error)
        finished.append(replace(before, at=time.monotonic()))
        context.observe_status("Q02", response, REJECTIONS)
    # The effect of a cancel may come after its response.
    for before in finished:
        context.poller.wait_for_effects(before.at)
        if why := unchanged(before.run, context.api.run(before.run["id"])):
            raise CheckFailed(f"cancelling a {before.run.get('status')} run changed it: {why}")


@requirement("CANCEL-06")
@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING_LONG])
def check_many_cancels_have_one_outcome(context: CheckContext, state: State) -> None:
    """At the same moment, as if one after another: no server error, one terminal event, and the
    later ones are treated like a cancel of a finished run (Q02)."""
    run_id = context.runs.fresh(state)
    with context.api.events(run_id) as stream:
        context.api.target.pacer.make_room(CALLERS)
        responses = concurrently([partial(context.api.cancel, run_id)] * CALLERS)
        for response in responses:
            require(response, no_server_error)
        accepted = [response for response in responses if not success(response)]
        if not accepted:
            raise Inconclusive(
                f"no cancel was accepted: {responses[0].summary}", caused_by="CANCEL-01"
            )
        context.poller.wait_for_status(context.api, run_id, Status.CANCELLED)
        context.poller.follow(stream, has_ended, within=5)
        stream.wait(0.3, lambda s: s.ended)
    _check_one_end(str(context.api.run(run_id).get("status")), stream)
    if state is State.PENDING:
        _check_order(context.api.cancel(run_id), responses, accepted)


@requirement("CANCEL-07")
def check_cancel_against_completion_has_one_winner(context: CheckContext) -> None:
    """Cancelled as it is about to complete, a run ends once, that is final, and the response to
    the cancel agrees."""
    cancels: list[TimedCancel] = []
    for batch in cancel_around_completion(context):
        for cancel in batch:
            require(cancel.response, no_server_error)
            end = str(cancel.ended.run.get("status"))
            _check_one_end(end, cancel.stream)
            _check_response_matches_end(cancel.response, end)
        cancels += batch
    context.poller.wait_for_effects(max(cancel.ended.at for cancel in cancels))
    for before, after in _read_again(context, [cancel.ended.run for cancel in cancels]):
        if why := unchanged(before, after, _LASTING):
            raise CheckFailed(f"the end did not last: {why}")
    in_time = sum(cancel.in_time for cancel in cancels)
    # A response that only says "in progress" promises nothing: there is no race to win (Q10).
    promised = any(
        success(c.response) or c.response.object().get("status") == Status.CANCELLED
        for c in cancels
    )
    if context.poller.real_time and promised and in_time in (0, len(cancels)):
        raise Inconclusive(
            f"no cancel came close to completion: {in_time} of {len(cancels)} were in time; "
            f"provide any number of 'succeeds' whose last step always takes half a second or more"
        )


@requirement("CANCEL-08")
def check_an_unknown_run_cannot_be_cancelled(context: CheckContext) -> None:
    """404; a run that exists can be."""
    require(context.api.cancel(UNKNOWN_RUN), status(404))
    _cancel_accepted(context, context.runs.fresh(State.PENDING))


@requirement("CANCEL-09")
def check_cancel_sets_timestamps(context: CheckContext) -> None:
    """`completedAt` is set, and `updatedAt` moves."""
    run_id = context.runs.fresh(State.PENDING)
    before = context.api.run(run_id)
    context.poller.tick()
    _cancel_accepted(context, run_id)
    after = context.poller.wait_for_status(context.api, run_id, Status.CANCELLED)
    if after.get("completedAt") is None:
        raise CheckFailed("a cancelled run has no completedAt")
    if timestamp(after, "updatedAt") <= timestamp(before, "updatedAt"):
        raise CheckFailed(
            f"updatedAt did not move when the run was cancelled: {after['updatedAt']}"
        )


@requirement("CANCEL-10")
def check_a_malformed_id_cannot_be_cancelled(context: CheckContext) -> None:
    """A malformed id is a validation error, not a lookup."""
    require(context.api.cancel(MALFORMED_RUN), status(422))


@requirement("CANCEL-11", since="1.1")
def check_response_shows_the_run_after_the_cancel(context: CheckContext) -> None:
    """Where each of several reads at once after the response shows a cancelled run."""
    if (stale := stale_response(context)) is not None:
        raise CheckFailed(
            f"{stale.summary} with a pending run, and reads at once show it cancelled, "
            f"{COUNT} times in a row",
            exchange=stale.exchange,
        )


def _read_again(context: CheckContext, runs: list[Run]) -> Iterator[tuple[Run, Run]]:
    """Yield each run and what it is now. Of many, one page of the list shows those that are
    unchanged, and only the last are read by id in any case."""
    listed = context.newest_runs() if len(runs) > _READ_BY_ID else {}
    for run in runs[-_READ_BY_ID:]:
        listed.pop(run["id"], None)
    for run in runs:
        shown = listed.get(run["id"])
        same = shown is not None and not unchanged(run, shown, _LASTING)
        yield run, shown if shown is not None and same else context.api.run(run["id"])


def _cancel_accepted(context: CheckContext, run_id: str) -> Response:
    """Return the response to a cancel. Raise Inconclusive if it is not accepted (CANCEL-01)."""
    response = context.api.cancel(run_id)
    if success(response):
        raise Inconclusive(
            f"the cancel was not accepted: {response.summary}", caused_by="CANCEL-01"
        )
    return response


def _check_no_step_starts(context: CheckContext, run_id: str) -> None:
    """From when the run is said to be cancelled no step of it starts, and none is running."""
    with context.api.events(run_id) as stream:
        response = _cancel_accepted(context, run_id)
        at_first = {step["key"]: step for step in context.steps(run_id)}
        context.poller.wait_for_status(context.api, run_id, Status.CANCELLED)
        steps = context.steps(run_id)
        context.poller.follow(stream, has_ended, within=5)
    # A run that is said to run still may begin a step until its work notices (Q10).
    at_once = response.object().get("status") == Status.CANCELLED
    for step in steps:
        if step["status"] == "running":
            raise CheckFailed(f"the run is cancelled and its step {step['key']!r} is running")
        started = at_first[step["key"]].get("startedAt") is None and step.get("startedAt")
        if at_once and started:
            raise CheckFailed(
                f"the step {step['key']!r} started after the response to the run's cancel"
            )
    cancelled = False
    for event in run_events(stream.events):
        cancelled = cancelled or (event.step is None and event.outcome == Status.CANCELLED)
        if cancelled and event.step_key is not None and event.outcome == "started":
            raise CheckFailed(
                f"the step {event.step_key!r} started after the run's cancel event",
                exchange=stream.exchange,
            )


def _check_one_end(final: str, stream: Stream) -> None:
    """The stream has one terminal event, and the final status of the run agrees with it."""
    outcomes = [event.outcome for event in terminal_events(stream)]
    if len(outcomes) > 1:
        raise CheckFailed(f"the stream has {len(outcomes)} terminal events: {', '.join(outcomes)}")
    if outcomes and outcomes[0] != final:
        raise CheckFailed(f"the stream ends with {outcomes[0]}, the run is {final}")


def _check_response_matches_end(response: Response, end: str) -> None:
    """The response to a cancel that raced with completion agrees with how the run ended."""
    if client_error(response) is None and end == Status.CANCELLED:
        raise CheckFailed(
            f"{response.summary}, and the run was cancelled nevertheless",
            exchange=response.exchange,
        )
    said = response.object().get("status") if success(response) is None else None
    if said in FINISHED and said != end:
        raise CheckFailed(
            f"{response.summary} with the run {said}, and it is {end}", exchange=response.exchange
        )


def _check_order(
    later: Response, responses: Iterable[Response], accepted: Sequence[Response]
) -> None:
    """Where a cancel takes effect at once, all others came behind it, as `late` did.

    A cancel that is still under way may be asked for again, or that may be refused (Q10).
    """
    if any(response.object().get("status") != Status.CANCELLED for response in accepted):
        return
    for response in responses:
        if success(response) and response.status != later.status:
            raise CheckFailed(
                f"{response.summary} together with an accepted cancel, and a later cancel returned "
                f"{later.status}",
                level=Level.INFERRED,
                exchange=response.exchange,
            )
    if success(later) and len(accepted) > 1:
        raise CheckFailed(
            f"{len(accepted)} concurrent cancels were accepted, each with the cancelled run, and a "
            f"later one returned {later.status}",
            exchange=accepted[-1].exchange,
        )
