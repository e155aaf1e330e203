"""The log of an observed run: the events that lead to what was seen.

A service that failed may have shown what cannot happen, such as a run that completed while a step
was running. The log has the nearest course that can, and a note for each difference.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from mock_server.engine.clock import from_text
from mock_server.engine.enums import FINISHED, EventType, RunStatus, StepStatus
from mock_server.engine.json_value import MAX_ERROR_SIZE, MAX_RESULT_SIZE, check_json
from mock_server.engine.randomness import stable_id
from mock_server.engine.run import BUSY_STEP
from mock_server.engine.run_state import Json
from mock_server.engine.status_transitions import RUN_TRANSITIONS, STEP_TRANSITIONS
from mock_server.worlds.from_failure.observed_runs import Attempt, ObservedRun

Row = tuple[int, EventType, int | None, Json]
_MAX_NOTE = 60
_MAX_TEXT = 200
_ENDS: dict[str, EventType] = {
    StepStatus.COMPLETED: EventType.STEP_COMPLETED,
    StepStatus.FAILED: EventType.STEP_FAILED,
    StepStatus.CANCELLED: EventType.STEP_CANCELLED,
    StepStatus.SKIPPED: EventType.STEP_SKIPPED,
}
_RUN_ENDS: dict[str, EventType] = {
    RunStatus.COMPLETED: EventType.RUN_COMPLETED,
    RunStatus.FAILED: EventType.RUN_FAILED,
    RunStatus.CANCELLED: EventType.RUN_CANCELLED,
}


class Log:
    """The events so far. ``keys`` are the keys of the steps, each with the depth of the step;
    ``began`` is the instant for what has no time."""

    def __init__(self, run_id: str, keys: dict[str, int], began: int) -> None:
        self.rows: list[Row] = []
        self.notes: list[str] = []
        self.status = RunStatus.PENDING
        self._id = run_id
        self._keys = list(keys)
        self._depths = keys
        self._indexes = {key: index for index, key in enumerate(keys)}
        self._steps = [StepStatus.PENDING] * len(keys)
        self._at = 0
        self._began = began
        self._seen: set[tuple[EventType, str, int | None]] = set()

    @property
    def complete(self) -> bool:
        """Whether the log begins with the creation of the run."""
        return bool(self.rows) and self.rows[0][1] is EventType.RUN_CREATED

    def read_stream(self, run: ObservedRun) -> None:
        """Add the events of the run's stream; those of other kinds are left out."""
        for event in run.stream:
            at = first_instant(event.step or {}, "completedAt", "startedAt")
            if event.step is None or event.type.endswith((".reset", ".skipped")):
                at = first_instant(event.run or {}, "updatedAt")
            if event.type in set(EventType):
                self._add(EventType(event.type), at, event.step, event.run or {})

    def read_attempt(self, attempt: Attempt, *, again: bool) -> None:
        """Add the events that lead to a state that was read; ``again`` if it is after a retry."""
        run, steps = attempt.run or {}, attempt.steps or []
        if again:
            at = first_instant(attempt.first or run, "updatedAt")
            self._add(EventType.RUN_RETRIED, at, None, run)
            for step in steps:
                index = self._indexes[step["key"]]
                ended = self._steps[index] not in (StepStatus.PENDING, *BUSY_STEP)
                started = first_instant(step, "startedAt")
                if ended and (started is None or started >= self._at):
                    self._add(EventType.STEP_RESET, at, step, run)
        for at, _, type_, one in sorted(self._course(run, steps), key=lambda row: row[:2]):
            # Steps that a retry keeps are as they were.
            same = type_, (one or {}).get("key", ""), at
            if not (again and same in self._seen):
                self._add(type_, at, one, run)
            self._seen.add(same)

    def _course(
        self, run: Json, steps: Sequence[Json]
    ) -> Iterator[tuple[int, int, EventType, Json | None]]:
        """Yield events with their instant and rank: of one instant, upstream steps come first."""
        times = [first_instant(one, "createdAt", "startedAt") for one in (run, *steps)]
        begin = min((at for at in times if at is not None), default=self._at or self._began)
        if not self.rows:
            self._put(begin, EventType.RUN_CREATED, None, {})
        started = first_instant(run, "startedAt")
        if started is not None or any(first_instant(step, "startedAt") for step in steps):
            yield begin if started is None else started, -1, EventType.RUN_STARTED, None
        end = first_instant(run, "completedAt", "updatedAt")
        last = 3 * len(self._keys)
        for step in steps:
            rank, status = 3 * self._depths[step["key"]], str(step.get("status"))
            first = first_instant(step, "startedAt")
            ends = first_instant(step, "completedAt")
            if first is not None:
                asked = bool(step.get("decisionId")) or status == StepStatus.AWAITING_APPROVAL
                begun = EventType.STEP_AWAITING_APPROVAL if asked else EventType.STEP_STARTED
                yield first, rank, begun, step
                if asked and status in (StepStatus.RUNNING, StepStatus.COMPLETED):
                    yield first, rank + 1, EventType.STEP_APPROVED, step
            if status in _ENDS:
                when = ends or end or first or begin
                yield when, rank + 2 if ends else last, _ENDS[status], step
        status = str(run.get("status"))
        if status in _RUN_ENDS:
            when = max(end or begin, begin)
            yield when, last + 1, _RUN_ENDS[status], None

    def _add(self, type_: EventType, at: int | None, step: Json | None, run: Json) -> None:
        """Add an event, or note that it cannot have happened. Events that must come before it are
        added too."""
        at = max(self._at, self._at if at is None else at)
        if type_.startswith("step."):
            if step is not None:
                self._add_step(type_, at, self._indexes[step["key"]], step)
            return
        if type_ is EventType.RUN_CREATED:
            if self.rows:
                self._note(type_, "came again and is left out")
            else:
                self._put(at, type_, None, {})
            return
        ends = type_ in _RUN_ENDS.values()
        if ends and self.status is RunStatus.PENDING and type_ is not EventType.RUN_CANCELLED:
            self._add(EventType.RUN_STARTED, at, None, run)
        allowed, status = RUN_TRANSITIONS[type_]
        if self.status not in allowed:
            self._note(type_, f"cannot happen to a {self.status} run and is left out")
            return
        for index, one in enumerate(self._steps):
            if ends and one in BUSY_STEP:
                shown = f"was {one} when the run ended and is shown as cancelled"
                self._note(f"step {self._keys[index][:_MAX_NOTE]!r}", shown)
                self._put(at, EventType.STEP_CANCELLED, index, {})
        self.status = status
        self._put(at, type_, None, _facts(type_, self._id, "", run))

    def _add_step(self, type_: EventType, at: int, index: int, step: Json) -> None:
        allowed, _ = STEP_TRANSITIONS[type_]
        starts = type_ in (EventType.STEP_STARTED, EventType.STEP_AWAITING_APPROVAL)
        if starts and self.status is RunStatus.PENDING:
            self._add(EventType.RUN_STARTED, at, None, {})
        ends = type_ in (EventType.STEP_COMPLETED, EventType.STEP_FAILED)
        if ends and self._steps[index] is StepStatus.PENDING and self.status is RunStatus.RUNNING:
            self._add_step(EventType.STEP_STARTED, at, index, step)
        if self._steps[index] not in allowed or (starts and self.status in FINISHED):
            state = f"a {self._steps[index]} step of a {self.status} run"
            what = f"{type_} of {self._keys[index][:_MAX_NOTE]!r}"
            self._note(what, f"cannot happen to {state} and is left out")
            return
        self._put(at, type_, index, _facts(type_, self._id, self._keys[index], step))

    def _put(self, at: int, type_: EventType, index: int | None, facts: Json) -> None:
        if index is not None:
            self._steps[index] = STEP_TRANSITIONS[type_][1]
        self.rows.append((at, type_, index, facts))
        self._at = at

    def _note(self, what: str, text: str) -> None:
        """Note a difference from what was seen, once."""
        note = f"run {self._id}: {what} {text}"
        if note not in self.notes:
            self.notes.append(note)


def _facts(type_: EventType, run_id: str, key: str, source: Json) -> Json:
    """Return the facts of an event from the run or step as it was seen."""

    def text(name: str, default: str) -> str:
        value = source.get(name)
        return value if isinstance(value, str) and len(value) <= _MAX_TEXT else default

    match type_:
        case EventType.RUN_STARTED:
            return {"externalJobId": text("externalJobId", "")}
        case EventType.STEP_STARTED | EventType.STEP_APPROVED:
            return {"actionRunId": text("actionRunId", stable_id(run_id, key))}
        case EventType.STEP_AWAITING_APPROVAL:
            return {"decisionId": text("decisionId", stable_id(run_id, key))}
        case EventType.STEP_COMPLETED:
            result = source.get("result")
            known = result if isinstance(result, dict) or result is None else {"value": result}
            return {
                "result": _fitting(known, MAX_RESULT_SIZE, None),
                "truncated": source.get("resultTruncated") is True,
            }
        case EventType.RUN_FAILED | EventType.STEP_FAILED:
            error = source.get("error")
            known = error if isinstance(error, dict) else {"message": str(error or "unknown")}
            return {"error": _fitting(known, MAX_ERROR_SIZE, {"message": "too large"})}
        case _:
            return {}


def _fitting(value: Any, max_size: int, other: Any) -> Any:
    try:
        check_json(value, max_size)
    except ValueError:
        return other
    return value


def first_instant(source: Json, *names: str) -> int | None:
    """Return the first of these times that is there."""
    for name in names:
        value = source.get(name)
        try:
            if isinstance(value, str):
                return from_text(value)
        except (ValueError, OverflowError):
            continue
    return None
