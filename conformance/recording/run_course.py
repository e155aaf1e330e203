"""The course of a run as data: when it waited, how each attempt at a step ended and how long it
took, and which requests changed it. Times are whole milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from conformance.assertions.matchers import parse_timestamp

Json = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Outcome(StrEnum):
    """How an attempt at a step ended, in the words of a scenario."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"
    HANGS = "hangs"
    AWAITS_DECISION = "awaits decision"


class Action(StrEnum):
    """What a request did to a run, in the words of a world file."""

    CANCEL = "cancel"
    RETRY = "retry"
    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class StepError:
    """The error of a step, redacted."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class StepAttempt:
    """One attempt at a step. `takes` is how long it took, None if that was not seen; of one that
    hangs, how long it had run when it was last seen."""

    outcome: Outcome
    takes: int | None = None
    result: Json | None = None
    truncated: bool = False
    error: StepError | None = None

    @property
    def kind(self) -> tuple[object, ...]:
        """What runs of the same shape have in common."""
        code = None if self.error is None else self.error.code
        return self.outcome, self.truncated, code


@dataclass(frozen=True, slots=True)
class StepCourse:
    """One step: what it depends on, and its attempts in order."""

    key: str
    name: str
    needs: tuple[str, ...]
    attempts: tuple[StepAttempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """A request that changed the run, `after` its creation. `step` is its step, or the one that a
    retry begins from."""

    do: Action
    after: int
    step: str = ""
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """A run. `waits` are the times it was pending, each attempt's; `waited` is how long it has been
    pending, where it was not seen to start. `seen` is the last instant that is known of it."""

    id: str
    created: int
    seen: int
    status: str
    automation: str
    version: int
    orchestrator: str
    trigger_type: str
    trigger_source: str
    concurrency_key: str | None
    steps: tuple[StepCourse, ...] = ()
    waits: tuple[int, ...] = ()
    waited: int | None = None
    acts: tuple[Act, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def graph(self) -> tuple[object, ...]:
        """The steps and their dependencies."""
        return tuple((each.key, each.name, each.needs) for each in self.steps)

    @property
    def open(self) -> bool:
        """Whether the run had not ended when it was last seen."""
        return self.status in ("pending", "running")


def instant(source: Json, *names: str) -> int | None:
    """Return the first of these timestamps that is there, in milliseconds since 1970."""
    for name in names:
        try:
            at = parse_timestamp(source.get(name))
            return max(round((at - _EPOCH).total_seconds() * 1_000), 0)
        except (ValueError, OverflowError):
            continue
    return None
