"""Trace the course of a run from what was seen of it: from the events of its stream where they are
complete, else from its states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from math import isfinite
from typing import Any, TypeGuard

from conformance.client.run_events import RunEvent
from conformance.recording.anonymize import Shapes
from conformance.recording.observed_run import ObservedRun, SeenAttempt, has_ended, step_key
from conformance.recording.run_course import (
    Act,
    Action,
    Course,
    Json,
    Outcome,
    StepAttempt,
    StepCourse,
    instant,
)
from conformance.vocabulary import Status

MAX_STEPS = 2_000
MAX_EDGES = 50_000
MAX_SECONDS = 365 * 86_400
_ORCHESTRATORS = ("local", "dag")
_TRIGGERS = ("manual", "schedule", "webhook", "event")
_SOURCES = ("user", "schedule", "webhook", "event")
_AWAITING = "awaiting_approval"
_MAX_VERSION = 2**53 - 1


def trace(seen: ObservedRun, shapes: Shapes) -> Course | None:
    """Return the course of the run, with its values redacted; None for one without a creation
    time."""
    run = seen.run
    created = instant(run, "createdAt", "startedAt", "updatedAt")
    if created is None:
        return None
    steps = _steps(seen)
    tracer = _Tracer(created, shapes)
    if _is_complete(seen):
        tracer.read_events(seen.events)
    else:
        tracer.read_states(seen.attempts)
    number = shapes.ids.number(str(run.get("automationId")), "automation")
    key = run.get("concurrencyKey")
    needs = _needs(steps)
    names = _names(steps, shapes)
    return Course(
        id=seen.id,
        created=created,
        seen=max(tracer.at, instant(run, "updatedAt", "completedAt") or created),
        status=shapes.line(run.get("status"), "unknown", 40),
        automation=f"Automation {number}",
        version=_version(run.get("versionNumber")),
        orchestrator=_one_of(_ORCHESTRATORS, run.get("orchestratorType"), "dag"),
        trigger_type=_one_of(_TRIGGERS, run.get("triggerType"), "manual"),
        trigger_source=_one_of(_SOURCES, run.get("triggerSourceType"), "user"),
        concurrency_key=f"key-{shapes.ids.number(key, 'key')}" if isinstance(key, str) else None,
        steps=tuple(
            StepCourse(
                names[k],
                shapes.line(step.get("name"), names[k]),
                tuple(names[need] for need in needs[k]),
                tuple(tracer.attempts.get(k, ())),
            )
            for k, step in steps.items()
        ),
        waits=tuple(tracer.waits),
        waited=tracer.waited,
        acts=tuple(
            Act(each.do, max(each.after - created, 0), names.get(each.step, ""), each.mode)
            for each in sorted(tracer.acts, key=lambda act: act.after)
        ),
    )


def _steps(seen: ObservedRun) -> dict[str, Json]:
    """Return the last state of each step by its key, in the order of the service."""
    found: dict[str, Json] = {}
    for attempt in seen.attempts:
        found |= {str(step["key"]): step for step in attempt.steps}
    for event in seen.events:
        key = step_key(event.step)
        if key is not None and event.step is not None and not seen.attempts[-1].steps:
            found[key] = {**found.get(key, {}), **event.step}
    return dict(list(found.items())[:MAX_STEPS])


def _names(steps: dict[str, Json], shapes: Shapes) -> dict[str, str]:
    """Return what stands for the key of each step; different keys stay different."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for number, key in enumerate(steps, start=1):
        name = shapes.line(key, f"step-{number}", 200)
        name = name if name not in taken else f"step-{number}"
        while name in taken:
            name += "x"
        taken.add(name)
        found[key] = name
    return found


def _needs(steps: dict[str, Json]) -> dict[str, list[str]]:
    """Return the known steps that each depends on; without those after it, if they form a circle.

    Beyond the number of dependencies that a scenario may have, none is kept.
    """
    found: dict[str, list[str]] = {}
    for key, step in steps.items():
        named = step.get("dependsOn")
        known = dict.fromkeys(named) if _is_texts(named) else ()
        found[key] = [need for need in known if need in steps and need != key]
    if sum(map(len, found.values())) > MAX_EDGES:
        return {key: [] for key in steps}
    try:
        TopologicalSorter(found).prepare()
    except CycleError:
        order = {key: place for place, key in enumerate(steps)}
        return {k: [n for n in needs if order[n] < order[k]] for k, needs in found.items()}
    return found


def _is_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_complete(seen: ObservedRun) -> bool:
    """Whether the events begin with the creation and lead to the status of the run."""
    kinds = [event.outcome for event in seen.events if event.step is None]
    if not kinds or kinds[0] != "created":
        return False
    status = str(seen.run.get("status"))
    last = next((k for k in reversed(kinds) if k in (*Status, "started", "retried")), "pending")
    ends = {"started": "running", "retried": "pending"}.get(last, last)
    return ends == status


@dataclass(slots=True)
class _Going:
    """An attempt at a step that has begun: whether it awaits a decision, and since when it runs."""

    since: int
    awaits: bool = False
    decided: int | None = None


@dataclass(slots=True)
class _Tracer:
    """Follows one run. Acts have instants instead of durations here."""

    created: int
    shapes: Shapes
    at: int = 0
    attempts: dict[str, list[StepAttempt]] = field(default_factory=dict)
    waits: list[int] = field(default_factory=list)
    waited: int | None = None
    acts: list[Act] = field(default_factory=list)
    _going: dict[str, _Going] = field(default_factory=dict)
    _completed: set[str] = field(default_factory=set)
    _reset: set[str] = field(default_factory=set)
    _pending_since: int | None = None
    _failed: bool = False

    def read_events(self, events: Sequence[RunEvent]) -> None:
        """Follow the events from the creation on."""
        self.at = self._pending_since = self.created
        for event in events:
            run, step = event.run or {}, event.step or {}
            names = ("completedAt", "updatedAt", "startedAt")
            here = instant(run, "updatedAt") or instant(step, *names) or self.at
            self.at = max(self.at, here)
            if event.step is None:
                self._run_event(event.outcome, run)
            elif (key := step_key(event.step)) is not None:
                kind = _AWAITING if event.kind.endswith(_AWAITING) else event.outcome
                self._step_event(kind, key, event.step, run)
        self._end(open_ended=True)

    def _run_event(self, kind: str, run: Json) -> None:
        match kind:
            case "started":
                self._begin(instant(run, "startedAt") or self.at)
            case "requested":
                self.acts.append(Act(Action.CANCEL, self.at))
            case "cancelled":
                asked = any(each.do is Action.CANCEL for each in self.acts[-1:])
                if not asked:
                    self.acts.append(Act(Action.CANCEL, self.at))
                self._end()
            case "completed" | "failed":
                self._failed = kind == "failed"
                self._end()
            case "retried":
                self._mode()
                self.acts.append(Act(Action.RETRY, self.at))
                self._pending_since = self.at
            case _:
                pass

    def _begin(self, at: int) -> None:
        self._mode()
        if self._pending_since is not None:
            self.waits.append(max(at - self._pending_since, 0))
        self._pending_since = None

    def _mode(self) -> None:
        """Note from which step the last retry began, by the steps that it has reset."""
        if not self.acts or self.acts[-1].do is not Action.RETRY or self.acts[-1].mode:
            return
        again = [key for key in self._completed if key in self._reset]
        mode, step = "from_failed", ""
        if not again and not self._failed and not self._completed:
            mode = "full"
        elif again:
            first = min(again, key=list(self.attempts).index)
            mode, step = ("full", "") if set(again) == self._completed else ("from_step", first)
        last = self.acts[-1]
        self.acts[-1] = Act(last.do, last.after, step, mode)
        self._completed -= self._reset
        self._reset.clear()

    def _step_event(self, kind: str, key: str, step: Json, run: Json) -> None:
        match kind:
            case "started":
                self._going[key] = _Going(instant(step, "startedAt") or self.at)
            case "awaiting_approval":
                self._going[key] = _Going(self.at, awaits=True)
            case "approved":
                self._going.setdefault(key, _Going(self.at, awaits=True)).decided = self.at
                self.acts.append(Act(Action.APPROVE, self.at, key))
            case "completed":
                ended = instant(step, "completedAt") or self.at
                self._ended(key, Outcome.SUCCEEDS, step, ended, run)
            case "failed":
                ended = instant(step, "completedAt") or self.at
                self._ended(key, Outcome.FAILS, step, ended, run)
            case "cancelled":
                self._cut(key)
            case "reset":
                self._reset.add(key)
            case _:
                pass

    def _ended(self, key: str, outcome: Outcome, step: Json, at: int, run: Json) -> None:
        going = self._going.pop(key, None)
        takes = None if going is None else max(at - (going.decided or going.since), 0)
        if going is not None and going.awaits:
            if going.decided is None:
                self.acts.append(Act(Action.REJECT, at, key))
                takes = None
            outcome = Outcome.AWAITS_DECISION
        self._note(key, outcome, step, takes, run)

    def _note(self, key: str, outcome: Outcome, step: Json, takes: int | None, run: Json) -> None:
        error = step.get("error") or (run.get("error") if outcome is Outcome.FAILS else None)
        name = self.shapes.line(key, "step")
        if outcome is not Outcome.FAILS:
            self._completed.add(key)
        self.attempts.setdefault(key, []).append(
            StepAttempt(
                outcome,
                takes,
                self.shapes.result(step.get("result"), name),
                step.get("resultTruncated") is True,
                self.shapes.error(error, name) if error else None,
            )
        )

    def _cut(self, key: str) -> None:
        """Note an attempt that did not end: it awaits a decision, or it goes on."""
        going = self._going.pop(key, None)
        if going is None:
            return
        awaits = going.awaits and going.decided is None
        outcome = Outcome.AWAITS_DECISION if awaits else Outcome.HANGS
        takes = None if awaits else max(self.at - going.since, 0)
        self.attempts.setdefault(key, []).append(StepAttempt(outcome, takes))

    def _end(self, *, open_ended: bool = False) -> None:
        for key in list(self._going):
            self._cut(key)
        self._mode()
        if self._pending_since is not None:
            self.waited = max(self.at - self._pending_since, 0)
            if not open_ended:
                self._pending_since = None

    def read_states(self, attempts: Sequence[SeenAttempt]) -> None:
        """Follow the last state of each attempt. What a retry kept is as it was before."""
        begin = self.at = self.created
        before: dict[str, Any] = {}
        for number, attempt in enumerate(attempts):
            run = attempt.run or attempt.retried or {}
            if number:
                begin = instant(attempt.retried or run, "updatedAt") or self.at
                self.acts.append(Act(Action.RETRY, begin))
                self._reset = {str(s["key"]) for s in attempt.steps if s != before.get(s["key"])}
                self._mode()
            self._pending_since, self._failed = begin, run.get("status") == Status.FAILED
            self.at = max(self.at, instant(run, "updatedAt", "completedAt") or begin)
            if (started := instant(run, "startedAt")) is not None:
                self._begin(started)
            for step in attempt.steps:
                key = str(step["key"])
                if instant(step, "startedAt") is not None and step != before.get(key):
                    self._step_state(key, step, run)
                before[key] = step
            if run.get("status") == Status.CANCELLED:
                ended = instant(run, "completedAt", "updatedAt") or self.at
                self.acts.append(Act(Action.CANCEL, ended))
            self._end(open_ended=not has_ended(run))

    def _step_state(self, key: str, step: Json, run: Json) -> None:
        started, ended = instant(step, "startedAt"), instant(step, "completedAt")
        status = str(step.get("status")).lower()
        awaits = step.get("decisionId") is not None or status == _AWAITING
        self._going[key] = _Going(started or self.at, awaits)
        if status in ("cancelled", "canceled"):
            self.at = max(self.at, ended or 0)
            self._cut(key)
        elif status == _AWAITING or (ended is None and status not in ("completed", "failed")):
            if awaits and status != _AWAITING:
                self._going[key].decided = started
            self._cut(key)
        else:
            failed = status == "failed" or bool(step.get("error"))
            if awaits and not failed:
                # When it was decided is not shown: at the end, the step then takes no time.
                self._going[key].decided = ended or started
                self.acts.append(Act(Action.APPROVE, ended or started or self.at, key))
            if ended is None and (takes := _milliseconds(step.get("durationSeconds"))) is not None:
                ended = (started or self.at) + takes
            outcome = Outcome.FAILS if failed else Outcome.SUCCEEDS
            self._ended(key, outcome, step, ended or started or self.at, run)


def _version(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 1
    return value if 1 <= value <= _MAX_VERSION else 1


def _milliseconds(seconds: object) -> int | None:
    """Return a duration; None for what a run cannot take."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    if isinstance(seconds, float) and not isfinite(seconds):
        return None
    return round(min(max(seconds, 0), MAX_SECONDS) * 1_000)


def _one_of(known: tuple[str, ...], value: object, default: str) -> str:
    return value if isinstance(value, str) and value in known else default
