"""Share code between the checks of a retry: a failed run, a retry of it, and its steps then."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from conformance.assertions.matchers import (
    client_error,
    is_finished,
    parse_timestamp,
    success,
    timestamp,
    unchanged,
    with_dependents,
)
from conformance.client.response import Response
from conformance.client.run_events import run_events, terminal_events
from conformance.client.stream import Stream
from conformance.errors import CheckFailed, Inconclusive
from conformance.harness.context import CheckContext
from conformance.harness.run_recording import Snapshot
from conformance.vocabulary import FINISHED, Level, State, Status, Untested

# Seconds that a step may take to be taken over from another run.
MAX_INSTANT = 0.05
# The statuses of steps that have an outcome.
_ENDED = (Status.COMPLETED, Status.FAILED)
# How many runs are tried until one is still in its status when it is looked at.
_MAX_TRIES = 3
# Seconds in which a stream has replayed, and how many are open at a time: a service may limit
# them, and other checks open as many.
_REPLAY = 1.0
_MAX_STREAMS = 3
# Seconds in which runs created by other clients show.
_IDLE = 2.0
# The known answers to Q04 that remain when a retry of a run that did not fail is accepted or not.
_UNFAILED = {
    ("explicit", True): ("explicit", "always"),
    ("explicit", False): ("never",),
    ("from_failed", True): ("always",),
    ("from_failed", False): ("explicit", "never"),
}


def created_since(context: CheckContext, known: set[str], like: dict[str, Any]) -> set[str]:
    """The runs of the same automation that were not there, and that no response has named: others
    may be made by others."""
    same = like.get("automationId")
    return {
        i
        for i, run in context.newest_runs().items()
        if run.get("automationId") == same and not context.runs.caused(i)
    } - known


def check_nothing_else_creates(
    context: CheckContext, like: dict[str, Any], *, after_all: bool = True
) -> None:
    """Raise Inconclusive if runs of this automation are created by others: with `after_all`, while
    the kit does nothing for a while."""
    known = set(context.newest_runs())
    context.poller.advance(_IDLE if after_all else 0.0)
    if created_since(context, known, like):
        raise Inconclusive(
            "others create runs of the same automation, so that those of a retry are unknown",
            reason=Untested.UNSTABLE,
        )


def check_one_end_per_attempt(context: CheckContext, max_ends: Mapping[str, int]) -> None:
    """The stream of each run, if it replays (Q13), has at most one terminal event per attempt, and
    starts the run no more often."""
    for start in range(0, len(max_ends), _MAX_STREAMS):
        with ExitStack() as stack:
            runs = list(max_ends)[start : start + _MAX_STREAMS]
            streams = {i: stack.enter_context(context.api.events(i)) for i in runs}
            until = time.monotonic() + _REPLAY
            for run_id, stream in streams.items():
                too_many = partial(_ended_or_more_often, max_ends[run_id])
                stream.wait(until - time.monotonic(), too_many)
        for run_id, stream in streams.items():
            _check_ends(stream, max_ends[run_id])


def _ended_or_more_often(max_ends: int, stream: Stream) -> bool:
    return stream.ended or len(terminal_events(stream)) > max_ends


def _check_ends(stream: Stream, max_ends: int) -> None:
    outcomes = [event.outcome for event in terminal_events(stream)]
    if len(outcomes) > max_ends:
        raise CheckFailed(
            f"the run ended {len(outcomes)} times ({', '.join(outcomes)}) in {max_ends} attempts",
            exchange=stream.exchange,
        )
    retries = [e for e in run_events(stream.events) if e.step is None and e.outcome == "retried"]
    if len(retries) >= max_ends:
        raise CheckFailed(
            f"the run was retried {len(retries)} times, and {max_ends - 1} could be",
            exchange=stream.exchange,
        )


def failed_run(context: CheckContext) -> tuple[str, list[dict[str, Any]]]:
    """A run that failed and would complete if tried again, and its steps."""
    run_id = context.runs.fresh(State.FAILS_ONCE, Status.FAILED)
    return run_id, context.steps(run_id)


def settled_failed_run(context: CheckContext) -> tuple[str, list[dict[str, Any]]]:
    """Return the same; a step that runs again will have a later start time."""
    found = failed_run(context)
    context.poller.tick()
    return found


def retry_accepted(context: CheckContext, run_id: str, body: Any) -> Response:
    """Return the response to a retry. Raise Inconclusive if it is not accepted (RETRY-01)."""
    response = context.api.retry(run_id, body)
    if success(response):
        raise Inconclusive(
            f"an ordinary retry was not accepted: {response.summary}", caused_by="RETRY-01"
        )
    return response


def rerun_id(context: CheckContext, run_id: str, response: Response) -> str:
    """The id of the run that runs again: the same or another (Q01)."""
    new = response.object().get("id")
    if not isinstance(new, str):
        raise Inconclusive("the response to the retry has no id", caused_by="RETRY-01")
    known, which = ("same_run", "the same") if new == run_id else ("new_run", "another")
    if new != run_id:
        context.runs.wait_until_readable(new)
    context.observe(
        "Q01", known, observed=f"{response.summary} with {which} id", exchange=response.exchange
    )
    return new


def observe_retry_of_unfailed(
    context: CheckContext, response: Response, mode: str, state: str
) -> None:
    """Q04, in parts by mode: the response to a retry of a run that did not fail."""
    asked = "from_failed" if mode == "from_failed" else "explicit"
    accepted, rejected = not success(response), not client_error(response)
    known = _UNFAILED[asked, accepted] if accepted or rejected else ()
    observed = f"{mode} of a {state} run: {response.summary}"
    context.observe("Q04", *known, observed=observed, exchange=response.exchange)


def check_rerun(
    context: CheckContext, run_id: str, before: list[dict[str, Any]], new: str, expected: set[str]
) -> None:
    """When the retry `new` of the run has come to its end, the expected steps have restarted and
    the others are as they were.

    In another run (Q01) a step that is kept may stand as it ended in the first, or start and
    complete at once, with the same outcome. Of a step that did not come to an end of its own there
    is nothing to keep, as where a failure cancels what runs in parallel: it may run or not.
    """
    context.poller.wait_for_status(context.api, new, *FINISHED)
    current = by_key(context.steps(new))
    if set(current) != set(by_key(before)):
        raise CheckFailed(f"the steps were {sorted(by_key(before))} and are {sorted(current)}")
    for step in before:
        again = current[step["key"]]
        if step["key"] in expected:
            if again.get("startedAt") in (None, step.get("startedAt")):
                raise CheckFailed(f"the step {step['key']!r} did not run again")
        elif step["status"] not in _ENDED:
            continue
        elif why := unchanged(step, again, ("status", "result", "error")):
            raise CheckFailed(f"the step {step['key']!r} was not kept: {why}")
        elif again.get("startedAt") != step.get("startedAt") and (
            new == run_id or not _instantaneous(again, step)
        ):
            raise CheckFailed(f"the step {step['key']!r} ran again and should have been kept")


def check_nothing_left(current: Snapshot, before: Mapping[str, dict[str, Any]]) -> None:
    """Raise CheckFailed if an unfinished run or step shows the end of the previous attempt:
    `before` are its steps by their keys."""
    shown: list[tuple[str, dict[str, Any], dict[str, Any]]] = [("run", current.run, {})]
    shown += [(f"step {s['key']!r}", s, before.get(s["key"], {})) for s in current.steps]
    for name, bearer, old in shown:
        status = bearer.get("status")
        if status not in (Status.PENDING, Status.RUNNING):
            continue
        if (at := bearer.get("completedAt")) is not None:
            raise CheckFailed(f"after the retry the {name} is {status} and was completed at {at}")
        if name == "run" and bearer.get("error") is not None:
            raise CheckFailed(
                f"after the retry the run is {status} and has an error", level=Level.INFERRED
            )
        for field in ("error", "result"):
            if old.get(field) is not None and bearer.get(field) == old[field]:
                raise CheckFailed(
                    f"after the retry the {name} is {status} and has the {field} of the attempt "
                    f"before",
                    level=Level.INFERRED,
                )


def _instantaneous(again: dict[str, Any], step: dict[str, Any]) -> bool:
    """Whether the step took next to no time, and less than when it did its work."""
    try:
        took, before = (
            (
                parse_timestamp(s.get("completedAt")) - parse_timestamp(s.get("startedAt"))
            ).total_seconds()
            for s in (again, step)
        )
    except ValueError:
        return again.get("startedAt") is None
    return took <= max(MAX_INSTANT, before / 10)


def check_not_changed(context: CheckContext, run_id: str, before: dict[str, Any]) -> None:
    """The refused request left the run alone."""
    if why := unchanged(before, context.api.run(run_id)):
        raise CheckFailed(f"a refused retry changed the run: {why}")


def by_key(steps: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Steps by their keys."""
    return {step["key"]: step for step in steps}


def first_step(steps: list[dict[str, Any]]) -> str:
    """Return the key of a step that depends on no other. Raise Inconclusive if there is none."""
    for step in steps:
        if not step["dependsOn"]:
            return str(step["key"])
    raise Inconclusive("every step depends on another", caused_by="STEPS-05")


def failed_step(steps: list[dict[str, Any]]) -> str:
    """Return the key of a step that failed. Raise Inconclusive if there is none."""
    for step in steps:
        if step["status"] == Status.FAILED:
            return str(step["key"])
    raise Inconclusive("the failed run has no failed step", caused_by="LIFE-03")


def steps_at(steps: list[dict[str, Any]], place: str) -> list[str]:
    """Return the keys of steps to begin with, the best one first.

    `first`: nothing is before it; `middle`: steps are before and after it; `last`: nothing is after
    it. The more others are neither before nor after a step, the better it is.
    Raise Inconclusive if there is none.
    """
    after = {step["key"]: with_dependents(steps, [step["key"]]) for step in steps}
    before = {key: {other for other in after if key in after[other]} for key in after}
    at = {
        "first": [key for key in after if len(before[key]) == 1 < len(after[key])],
        "middle": [key for key in after if len(before[key]) > 1 and len(after[key]) > 1],
        "last": [key for key in after if len(after[key]) == 1 < len(before[key])],
    }[place]
    if not at:
        raise Inconclusive(f"the run has no step to begin with: {place}")
    return sorted(at, key=lambda key: len(before[key] | after[key]))


def took_longer(context: CheckContext, run_id: str, seconds: float) -> bool:
    """Whether the run, once it has ended, took longer than this, so that it cannot have ended
    several times in it."""
    run = context.wait_for(partial(context.api.run, run_id), is_finished)
    return (timestamp(run, "completedAt") - timestamp(run, "startedAt")).total_seconds() > seconds


def still(context: CheckContext, state: State) -> tuple[str, Snapshot]:
    """Return a run and its snapshot in the status of this state. Raise Inconclusive if each of
    several had left it when it was looked at."""
    wanted = Status.PENDING if state is State.PENDING else Status.RUNNING
    for _ in range(_MAX_TRIES):
        run_id = context.runs.fresh(state)
        before = context.snapshot(run_id)
        if before.run.get("status") == wanted:
            return run_id, before
    raise Inconclusive(
        f"the run went on by itself, to {before.run.get('status')}, before it was retried: provide "
        f"a {state.value!r} that stays so for some seconds"
    )


def check_acts_as_from_failed(
    context: CheckContext, run_id: str, before: list[dict[str, Any]], response: Response
) -> None:
    """Raise CheckFailed if a retry that was accepted without a mode or a step to begin with did not
    rerun exactly the steps that `from_failed` names."""
    first = [step["key"] for step in before if step["status"] == Status.FAILED]
    new = rerun_id(context, run_id, response)
    check_rerun(context, run_id, before, new, with_dependents(before, first))


def check_acts_as_default(
    context: CheckContext, run_id: str, before: list[dict[str, Any]], response: Response
) -> None:
    """Raise CheckFailed if a retry with `{}` reran other steps than `from_failed` does here: what
    the mode means is the subject of another requirement."""
    try:
        check_acts_as_from_failed(context, run_id, before, response)
    except CheckFailed as fault:
        run_id, before = settled_failed_run(context)
        explicit = retry_accepted(context, run_id, {"mode": "from_failed"})
        try:
            check_acts_as_from_failed(context, run_id, before, explicit)
        except CheckFailed:
            return
        raise CheckFailed(f"with {{}} {fault}, and not with from_failed") from None
