"""Collect what was seen of one run: its states, its steps and the events of its stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.client.run_events import RunEvent
from conformance.vocabulary import FINISHED

Json = dict[str, Any]

MAX_ATTEMPTS = 50


@dataclass(slots=True)
class SeenAttempt:
    """The last state of a run and its steps before it was retried, or at all. `retried` is the run
    as the request to retry it returned it."""

    run: Json | None = None
    steps: list[Json] = field(default_factory=list)
    retried: Json | None = None


@dataclass(slots=True)
class ObservedRun:
    """One run. `events` are those of the longest stream."""

    id: str
    attempts: list[SeenAttempt] = field(default_factory=lambda: [SeenAttempt()])
    events: Sequence[RunEvent] = ()

    @property
    def run(self) -> Json:
        """The last state of the run; that of its stream where it was never read itself."""
        if (seen := self.attempts[-1].run) is not None:
            return seen
        return next((each.run for each in reversed(self.events) if each.run is not None), {})

    @property
    def finished(self) -> bool:
        """Whether the run had ended when it was last seen."""
        return has_ended(self.run)

    def see_run(self, run: Json) -> None:
        """Take the run as it is now."""
        self.attempts[-1].run = run

    def see_steps(self, steps: object) -> None:
        """Take its steps as they are now; what is not a step is left out."""
        found = steps if isinstance(steps, list) else []
        self.attempts[-1].steps = [each for each in found if step_key(each) is not None]

    def see_events(self, events: Sequence[RunEvent]) -> None:
        """Take the events of a stream from its start."""
        if len(events) >= len(self.events):
            self.events = events

    def see_retry(self, run: Json) -> None:
        """Begin another attempt, with the run as the response to the retry shows it."""
        if self.attempts[-1].run is not None and len(self.attempts) < MAX_ATTEMPTS:
            self.attempts.append(SeenAttempt(retried=run))


def has_ended(run: Json) -> bool:
    """Whether the run has a final status; one that is not a text is none."""
    status = run.get("status")
    return isinstance(status, str) and status in FINISHED


def step_key(step: object) -> str | None:
    """Return the key of a step, or None for what has none."""
    key = step.get("key") if isinstance(step, dict) else None
    return key if isinstance(key, str) and key else None
