"""A run: its identity, its log of events, and its state.

The log is append-only, and the state is its fold: ``RunState.apply`` is the only code that changes
a state, and it rejects an event that the transition tables do not allow. The list, the run, its
steps and its stream all show this state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from mock_server.engine.enums import EventType, RunStatus, StepStatus
from mock_server.engine.status_transitions import (
    RUN_TRANSITIONS,
    STEP_TRANSITIONS,
    IllegalTransitionError,
)

if TYPE_CHECKING:
    from mock_server.engine.packed_log import PackedLog

Json = dict[str, Any]

# Of every step: Python 3.11 looks up a member of an enum in ten times as long.
_STEP_STARTED, _STEP_COMPLETED = EventType.STEP_STARTED, EventType.STEP_COMPLETED


class Event(NamedTuple):
    """An event in a log: ``seq`` counts from 1 within the run, ``at`` is an instant, ``step`` the
    index of the step, ``facts`` the data of the event."""

    seq: int
    at: int
    type: EventType
    step: int | None
    facts: Json


new_event: Callable[[tuple[int, int, EventType, int | None, Json]], Event] = partial(
    tuple.__new__, Event
)
"""Returns the event of these fields, in less time than ``Event`` itself."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """The constant part of a step. ``needs`` are the indexes of the steps it depends on."""

    key: str
    name: str
    needs: tuple[int, ...]


class Identity(NamedTuple):
    """The constant part of a run."""

    id: str
    number: int
    tenant_id: str
    automation_id: str
    automation_version_id: str
    version_number: int
    orchestrator_type: str
    trigger_type: str
    trigger_source_type: str | None
    trigger_source_id: str | None
    concurrency_key: str | None
    created: int
    steps: tuple[StepPlan, ...]


class StepState:
    """The state of a step. Instants are milliseconds since 1970."""

    __slots__ = (
        "action_run_id",
        "completed",
        "decision_id",
        "error",
        "plan",
        "result",
        "started",
        "status",
        "truncated",
    )

    def __init__(self, plan: StepPlan) -> None:
        self.plan = plan
        self.clear()

    def clear(self) -> None:
        self.status = StepStatus.PENDING
        self.started: int | None = None
        self.completed: int | None = None
        self.error: Json | None = None
        self.result: Json | None = None
        self.truncated = False
        self.action_run_id: str | None = None
        self.decision_id: str | None = None

    def apply(self, event: Event) -> None:
        allowed, status = STEP_TRANSITIONS[event.type]
        if self.status not in allowed:
            raise IllegalTransitionError(f"{event.type} of {self.plan.key!r}, now {self.status}")
        if event.type is _STEP_STARTED:
            self.started = event.at
            self.action_run_id = event.facts["actionRunId"]
        elif event.type is _STEP_COMPLETED:
            self.completed = event.at
            self.result = event.facts["result"]
            self.truncated = event.facts["truncated"]
        else:
            self._apply_rare(event)
        self.status = status

    def _apply_rare(self, event: Event) -> None:
        match event.type:
            case EventType.STEP_AWAITING_APPROVAL:
                self.started = event.at
                self.decision_id = event.facts["decisionId"]
            case EventType.STEP_APPROVED:
                self.action_run_id = event.facts["actionRunId"]
            case EventType.STEP_FAILED:
                self.completed = event.at
                self.error = event.facts["error"]
            case EventType.STEP_CANCELLED:
                # A step that never started has no end.
                self.completed = None if self.started is None else event.at
            case EventType.STEP_RESET:
                self.clear()


class RunState:
    """The state of a run: the fold of its log.

    Its times, error and job id are those of the current attempt: a retry clears them. Steps that a
    retry has kept have the times of the attempt that they ran in.
    """

    __slots__ = (
        "cancelling",
        "completed",
        "error",
        "external_job_id",
        "identity",
        "packed",
        "started",
        "status",
        "steps",
        "updated",
    )

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.status = RunStatus.PENDING
        self.started: int | None = None
        self.completed: int | None = None
        self.updated = identity.created
        self.error: Json | None = None
        self.external_job_id: str | None = None
        self.cancelling = False
        self.steps = [StepState(plan) for plan in identity.steps]
        self.packed: PackedLog | None = None

    def pack(self, log: PackedLog) -> None:
        """Keep ``log``, whose fold this is, in place of the steps."""
        self.packed = log
        del self.steps
        self.__class__ = PackedState

    def unpacked(self) -> RunState:
        """Return this state with its steps at hand."""
        return self

    def apply(self, event: Event) -> None:
        """Apply ``event``. Raise IllegalTransitionError."""
        self.updated = event.at
        if event.step is not None:
            self.steps[event.step].apply(event)
            return
        if event.type is EventType.RUN_CREATED:
            return
        allowed, status = RUN_TRANSITIONS[event.type]
        if self.status not in allowed:
            raise IllegalTransitionError(f"{event.type} of {self.identity.id}, now {self.status}")
        self.status = status
        match event.type:
            case EventType.RUN_STARTED:
                self.started = event.at
                self.external_job_id = event.facts["externalJobId"]
            case EventType.RUN_COMPLETED:
                self.completed = event.at
            case EventType.RUN_FAILED:
                self.completed = event.at
                self.error = event.facts["error"]
            case EventType.RUN_CANCEL_REQUESTED:
                self.cancelling = True
            case EventType.RUN_CANCELLED:
                self.completed = event.at
                self.cancelling = False
            case EventType.RUN_RETRIED:
                self.started = self.completed = self.error = self.external_job_id = None


class PackedState(RunState):
    """The state of a packed run: each access to its steps folds the log, see ``unpacked``.

    A state becomes one and keeps its place in memory. A class of its own, so that attributes of
    other states are found as quickly as ever.
    """

    __slots__ = ()

    @property
    def steps(self) -> list[StepState]:  # type: ignore[override]
        return self.unpacked().steps

    def unpacked(self) -> RunState:
        return self if self.packed is None else fold(self.identity, self.packed.events())


def fold(identity: Identity, log: list[Event]) -> RunState:
    """Return the state of a run after ``log``."""
    state = RunState(identity)
    for event in log:
        state.apply(event)
    return state
