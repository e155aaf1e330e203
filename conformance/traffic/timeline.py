"""Judge runs over time: each representation of a run against those that were complete before it
was requested. Requests overlap and other clients change runs, too: only what no order of requests
and no retry by another client explains is a failure."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conformance.assertions.invariants import IDENTITY
from conformance.assertions.matchers import parse_timestamp, unchanged
from conformance.errors import CheckFailed
from conformance.traffic.event_rules import EventLog
from conformance.traffic.server_rules import Judgement
from conformance.vocabulary import FINISHED, NEXT_STATUSES, Status

Json = dict[str, Any]

MAX_RUNS = 5_000
MAX_EVENTS = 200_000
_KEPT = 8
_UNFINISHED_STEPS = ("pending", "running", "failed")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run, or its steps, as one response showed it: requested at `start`, complete at `end`.
    `source` is get, list, cancel, retry, steps or event."""

    source: str
    body: Json
    start: float
    end: float

    @property
    def status(self) -> str:
        """The status of the run."""
        return str(self.body.get("status"))

    @property
    def finished(self) -> bool:
        """Whether the run has a final status and says when it ended."""
        return self.status in FINISHED and self.body.get("completedAt") is not None


@dataclass(slots=True)
class _Retry:
    """A request to retry a run: it takes effect at any time before its response, if that is
    known."""

    sent: float
    done: float = math.inf


@dataclass(slots=True)
class Timeline:
    """One run, as seen from each side, and the requests to retry it."""

    snapshots: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=_KEPT))
    steps: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=_KEPT))
    listed: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=_KEPT))
    ends: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=_KEPT))
    retries: deque[_Retry] = field(default_factory=lambda: deque(maxlen=_KEPT))
    events: EventLog = field(default_factory=EventLog)

    def retried(self, since: float, until: float) -> bool:
        """Whether a retry may have taken effect between these times."""
        return any(each.sent <= until and each.done >= since for each in self.retries)


class Timelines:
    """All runs, the latest ones. `settle` is how many seconds the list may lag. `sole`: no other
    client retries runs, so each change needs a request that was seen."""

    def __init__(self, *, settle: float = 1.0, sole: bool = False) -> None:
        self._settle = settle
        self._sole = sole
        self._runs: OrderedDict[str, Timeline] = OrderedDict()
        self._events = 0

    def of(self, run_id: str) -> Timeline:
        """Return the timeline of a run; the one that was not seen for longest is dropped."""
        key = run_id.lower()
        found = self._runs.setdefault(key, Timeline())
        self._runs.move_to_end(key)
        if len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)
        return found

    def count_events(self, more: int) -> None:
        """Keep the events of all runs within a bound: forget those of the runs seen longest ago."""
        self._events += more
        if self._events > MAX_EVENTS:
            for timeline in list(self._runs.values())[: len(self._runs) // 2 + 1]:
                timeline.events = EventLog()
            self._events = sum(len(each.events.hashes) for each in self._runs.values())

    def run(self, seen: Snapshot) -> Iterator[Judgement]:
        """Judge a run that a request for it returned."""
        run_id = seen.body.get("id")
        if not isinstance(run_id, str):
            return
        timeline = self.of(run_id)
        before = _latest(timeline.snapshots, seen)
        if before is not None:
            yield from self._after(timeline, before, seen)
            yield from self._between(timeline, before, seen)
        timeline.snapshots.append(seen)
        yield from self._ends(timeline, timeline.ends, [seen])

    def event(self, seen: Snapshot) -> Iterator[Judgement]:
        """Judge the run in an event that ends it."""
        run_id = seen.body.get("id")
        if isinstance(run_id, str) and seen.finished:
            timeline = self.of(run_id)
            timeline.ends.append(seen)
            yield from self._ends(timeline, [seen], timeline.snapshots)

    def _ends(
        self, timeline: Timeline, ends: Iterable[Snapshot], runs: Iterable[Snapshot]
    ) -> Iterator[Judgement]:
        """Compare events that end a run with the run as it was read, of the same attempt."""
        for event in ends:
            for run in runs:
                same = run.body.get("completedAt") == event.body["completedAt"] and run.finished
                if same and not timeline.retried(min(run.start, event.start), run.end):
                    # Which fields an event shows is open.
                    fields = event.body.keys() & run.body.keys()
                    why = unchanged(run.body, event.body, sorted(fields))
                    failure = _failed(run, f"run and terminal event disagree: {why}")
                    yield "EVENTS-12", failure if why else None

    def item(self, seen: Snapshot) -> Iterator[Judgement]:
        """Judge an item of a list, which may lag."""
        run_id = seen.body.get("id")
        if not isinstance(run_id, str):
            return
        timeline = self.of(run_id)
        timeline.listed.append(seen)
        before = _latest(timeline.snapshots, seen)
        if before is None:
            return
        why = unchanged(before.body, seen.body, IDENTITY)
        yield "GET-12", _failed(seen, f"{why} (list)") if why else None
        if seen.start - before.end < self._settle or not before.finished:
            return
        if self._same_attempt(timeline, before, seen):
            why = unchanged(before.body, seen.body)
            yield "LIST-16", _failed(seen, f"list and run disagree: {why}") if why else None
            yield "LIFE-05", _failed(seen, f"list and run disagree: {why}") if why else None

    def step_list(self, run_id: str, seen: Snapshot) -> Iterator[Judgement]:
        """Judge the steps of a run."""
        timeline = self.of(run_id)
        timeline.steps.append(seen)
        before = _latest(timeline.snapshots, seen)
        finished = self._sole and before is not None and before.finished
        if before is not None and finished and not timeline.retried(before.start, seen.end):
            yield from _steps_of_finished(before, seen)

    def retry(self, run_id: str, sent: float) -> None:
        """Take note of a request to retry a run."""
        retries = self.of(run_id).retries
        if all(each.sent != sent for each in retries):
            retries.append(_Retry(sent))

    def retry_done(self, run_id: str, sent: float, done: float) -> None:
        """Take note of the response to a request to retry a run."""
        for each in self.of(run_id).retries:
            if each.sent == sent:
                each.done = done

    def _after(self, timeline: Timeline, before: Snapshot, seen: Snapshot) -> Iterator[Judgement]:
        why = unchanged(before.body, seen.body, IDENTITY)
        yield "GET-12", _failed(seen, why) if why else None
        stale = _update_time(before, seen)
        acknowledged = before.source in ("cancel", "retry")
        if not acknowledged:
            yield "GET-11", stale
        elif seen.start - before.end >= self._settle:
            yield "LIFE-07", stale
        retried = timeline.retried(before.start, seen.end)
        if before.status != seen.status:
            yield "LIFE-01", None if retried else self._transition(before, seen)
        if not before.finished or retried:
            return
        if self._same_attempt(timeline, before, seen):
            why = unchanged(before.body, seen.body)
            failure = _failed(seen, f"the {before.status} run changed: {why}") if why else None
            yield "LIFE-04", failure
            yield "GET-04", failure

    def _transition(self, before: Snapshot, seen: Snapshot) -> CheckFailed | None:
        was, now = before.status, seen.status
        if was == now or now not in set(Status) or was not in set(Status):
            return None
        if now in (*NEXT_STATUSES.get(was, ()), Status.CANCELLED) and was not in FINISHED:
            return None
        unseen_retry = not self._sole and _later(before.body, seen.body, "updatedAt")
        if unseen_retry and before.body.get("completedAt") != seen.body.get("completedAt"):
            return None
        if unseen_retry and was not in FINISHED:
            return None
        return _failed(seen, f"the run went from {was} to {now}")

    def _same_attempt(self, timeline: Timeline, before: Snapshot, seen: Snapshot) -> bool:
        """Whether no retry explains a difference: a retry clears `completedAt` or moves it."""
        if timeline.retried(before.start, seen.end):
            return False
        ended, now = before.body.get("completedAt"), seen.body.get("completedAt")
        return self._sole or ended == now

    def _between(self, timeline: Timeline, before: Snapshot, seen: Snapshot) -> Iterator[Judgement]:
        """Judge what was read while the run stayed the same."""
        if before.body != seen.body:
            return
        for item in timeline.listed:
            if before.end + self._settle <= item.start and item.end <= seen.start:
                why = unchanged(before.body, item.body)
                yield "LIST-16", _failed(seen, f"list and run disagree: {why}") if why else None
        if before.finished and not self._sole:
            for steps in timeline.steps:
                if before.end <= steps.start and steps.end <= seen.start:
                    yield from _steps_of_finished(before, steps)


def _latest(snapshots: Sequence[Snapshot], seen: Snapshot) -> Snapshot | None:
    """Return the latest snapshot that was complete before this one was requested."""
    earlier = [each for each in snapshots if each.end <= seen.start]
    return max(earlier, key=lambda each: each.end, default=None)


def _update_time(before: Snapshot, seen: Snapshot) -> CheckFailed | None:
    was, now = before.body.get("updatedAt"), seen.body.get("updatedAt")
    if _later(seen.body, before.body, "updatedAt"):
        return _failed(seen, f"updatedAt went back from {was} to {now}")
    if before.status != seen.status and was == now:
        change = f"from {before.status} to {seen.status}"
        return _failed(seen, f"the status changed {change} and updatedAt stayed {now}")
    return None


def _steps_of_finished(run: Snapshot, seen: Snapshot) -> Iterator[Judgement]:
    steps = [each for each in seen.body.get("steps") or () if isinstance(each, dict)]
    if run.status == Status.COMPLETED:
        left = [each for each in steps if each.get("status") in _UNFINISHED_STEPS]
        why = f"the run is completed, its step {left[0].get('key')!r}" if left else ""
        why += f" is {left[0].get('status')}" if left else ""
        yield "STEPS-09", _failed(seen, why) if left else None
    if run.status == Status.CANCELLED:
        left = [each for each in steps if each.get("status") == "running"]
        why = f"the run is cancelled, its step {left[0].get('key')!r} is running" if left else ""
        yield "CANCEL-04", _failed(seen, why) if left else None
    if run.status == Status.FAILED:
        failed = [each for each in steps if each.get("status") == "failed"]
        if failed:
            silent = [each.get("key") for each in failed if each.get("error") is None]
            why = f"the failed step {silent[0]!r} has no error" if silent else ""
            yield "STEPS-08", _failed(seen, why) if silent else None
    end = _time(run.body.get("completedAt"))
    for step in steps:
        ended = _time(step.get("completedAt"))
        if end is not None and ended is not None:
            why = f"the step {step.get('key')!r} completed at {step.get('completedAt')}, "
            why += f"after its run at {run.body.get('completedAt')}"
            yield "STEPS-12", _failed(seen, why) if ended > end else None


def _later(body: Json, than: Json, name: str) -> bool:
    """Whether the time in the second body is later than that in the first."""
    first, second = _time(body.get(name)), _time(than.get(name))
    return first is not None and second is not None and second > first


def _time(value: object) -> datetime | None:
    try:
        return parse_timestamp(value)
    except ValueError:
        return None


def _failed(seen: Snapshot, why: str | None) -> CheckFailed:
    run_id = seen.body.get("id") or seen.body.get("automationRunId")
    return CheckFailed(f"run {run_id}: {why}")
