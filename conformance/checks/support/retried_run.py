"""Retry one failed run for many checks, and watch it: its state before, the response, its states
until it has ended again, and its stream before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from conformance.assertions.matchers import (
    is_finished,
    no_server_error,
    require,
    success,
    unchanged,
)
from conformance.checks.support.retry import (
    by_key,
    rerun_id,
    retry_accepted,
    settled_failed_run,
)
from conformance.client.response import Response
from conformance.client.run_events import RunEvent, has_ended, run_events, terminal_events
from conformance.client.sse import ServerSentEvent
from conformance.client.stream import Stream
from conformance.errors import CheckFailed, Unsupported
from conformance.harness.context import CheckContext
from conformance.harness.run_recording import Snapshot
from conformance.vocabulary import State, Status

# How many runs are cancelled at work until one is cancelled before it completes.
_MAX_TRIES = 3
# Seconds to listen for a replay that may not come.
_REPLAY = 5.0
Label = tuple[str | None, str, str | None]


@dataclass(frozen=True, slots=True)
class RetriedRun:
    """A run that was retried.

    `new` is the id of the run that ran again, which may be the same (Q01), `after` its states from
    the response on; `stale` names what reads went on to show as before. The streams are those of
    the run before, and of `new` when it had ended.
    """

    run_id: str
    new: str
    before: Snapshot
    response: Response
    after: Sequence[Snapshot]
    stream_before: Stream
    stream_after: Stream
    stale: str = ""

    @property
    def is_same(self) -> bool:
        """Whether the retry continued the run."""
        return self.new == self.run_id

    @property
    def response_is_stale(self) -> bool:
        """Whether the response shows the run as before, though the next read shows a change."""
        before, shown = self.before.run, self.response.object()
        return (
            self.is_same
            and unchanged(before, self.after[0].run) is not None
            and unchanged(before, shown, ("status", "updatedAt", "completedAt")) is None
        )

    @property
    def still_cancelled(self) -> str | None:
        """What is cancelled in the last state: the run, or a step of it; None if nothing is."""
        last = self.after[-1]
        shown = [("the run", last.run), *((f"the step {s.get('key')!r}", s) for s in last.steps)]
        return next((what for what, it in shown if it.get("status") == Status.CANCELLED), None)

    @property
    def new_events(self) -> list[RunEvent]:
        """The events of the new attempt, as far as the stream shows which they are."""
        events = self.stream_after.events
        if self.is_same:
            known = labels(self.stream_before.events)
            replayed = labels(events)[: len(known)] == known
            events = events[len(known) :] if replayed else []
        return run_events(events)


def retried_run(context: CheckContext) -> RetriedRun:
    """Return the run that was retried for all checks; it is retried in the first call."""
    return context.cache.once("retried run", lambda: _record(context))


def retried_after_cancel(context: CheckContext) -> RetriedRun | None:
    """Return a run that was cancelled at work and retried at once, with `full`, for all checks;
    None if that is rejected (Q04)."""
    return context.cache.once("retried after cancel", lambda: _retry_after_cancel(context))


def _retry_after_cancel(context: CheckContext) -> RetriedRun | None:
    run_id = _cancelled_at_work(context)
    before = context.snapshot(run_id)
    stream = context.listen(run_id, has_ended, within=1)
    response = require(context.api.retry(run_id, {"mode": "full"}), no_server_error)
    return None if success(response) else _watch(context, before, stream, response)


def _cancelled_at_work(context: CheckContext) -> str:
    """Return a run that was cancelled while running. Raise Unsupported if each of several completed
    first, after responses to the cancel that promised nothing."""
    for _ in range(_MAX_TRIES):
        run_id = context.runs.fresh(State.SUCCEEDS, Status.RUNNING)
        shown = require(context.api.cancel(run_id), success).object()
        wanted = [Status.CANCELLED]
        wanted += [] if shown.get("status") == Status.CANCELLED else [Status.COMPLETED]
        run = context.poller.wait_for_status(context.api, run_id, *wanted)
        if run.get("status") == Status.CANCELLED:
            return run_id
    raise Unsupported(
        "a cancel takes so long that a 'succeeds' completes first: provide longer ones"
    )


def follow_attempt(context: CheckContext, run_id: str) -> list[Snapshot]:
    """Return the states of a run, from now on until it has ended, looked at as often as may be."""
    seen: list[Snapshot] = []

    def read() -> dict[str, Any]:
        seen.append(context.snapshot(run_id))
        return seen[-1].run

    context.poller.until(read, is_finished)
    return seen


def labels(events: Iterable[ServerSentEvent]) -> list[Label]:
    """Return id, kind and step of each event that is about a run."""
    found = [(event.id, run_events([event])) for event in events]
    return [(id_, about[0].kind, about[0].step_key) for id_, about in found if about]


def check_steps_run_once(retried: RetriedRun) -> None:
    """Raise CheckFailed if a step started or ended more than once in the new attempt, by its times
    or by the events."""
    for name in ("startedAt", "completedAt"):
        for key, old in by_key(retried.before.steps).items():
            steps = (by_key(snapshot.steps).get(key, {}) for snapshot in retried.after)
            seen = dict.fromkeys(step.get(name) for step in steps)
            times = [value for value in seen if value not in (None, old.get(name))]
            if len(times) > 1:
                raise CheckFailed(
                    f"in one attempt the step {key!r} has the {name} {times[0]} and later "
                    f"{times[1]}: it ran more than once"
                )
    for outcomes in (("started",), ("completed", "failed")):
        heard = [e.step_key for e in retried.new_events if e.step_key and e.outcome in outcomes]
        if repeated := sorted({key for key in heard if heard.count(key) > 1}):
            raise CheckFailed(
                f"in one attempt the step {repeated[0]!r} {' or '.join(outcomes)} "
                f"{heard.count(repeated[0])} times by the events"
            )


def _record(context: CheckContext) -> RetriedRun:
    run_id, steps = settled_failed_run(context)
    before = Snapshot(context.api.run(run_id), steps)
    stream = context.listen(run_id, has_ended, within=_REPLAY)
    response = retry_accepted(context, run_id, {"mode": "from_failed"})
    return _watch(context, before, stream, response)


def _watch(
    context: CheckContext, before: Snapshot, stream: Stream, response: Response
) -> RetriedRun:
    run_id = before.run["id"]
    new = rerun_id(context, run_id, response)
    stale = "the run" if new == run_id and _run_as_before(context, before) else ""
    after = follow_attempt(context, new)
    if not stale and new == run_id and _steps_as_before(context, before, after[-1]):
        stale = "its steps"
    ends = len(terminal_events(stream)) if new == run_id else 0
    stream_after = context.listen(new, lambda s: len(terminal_events(s)) > ends, within=_REPLAY)
    return RetriedRun(run_id, new, before, response, after, stream, stream_after, stale)


def _run_as_before(context: CheckContext, before: Snapshot) -> bool:
    """Whether the run is read as it was, also when reads have had time to settle."""
    read = partial(context.api.run, before.run["id"])
    return _never_changes(context, read, before.run)


def _steps_as_before(context: CheckContext, before: Snapshot, ended: Snapshot) -> bool:
    """Likewise of the steps, when the run has ended again: until it starts they may be as they
    were."""
    if is_finished(ended.run) or ended.steps != before.steps:
        return False
    return _never_changes(context, partial(context.steps, before.run["id"]), before.steps)


def _never_changes(context: CheckContext, read: Callable[[], object], old: object) -> bool:
    found = context.settling.read(
        "a read lags", read, lambda now: "it is as it was" if now == old else None
    )
    return found[1] is not None
