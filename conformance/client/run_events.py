"""Parse run events out of the events of a stream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from conformance.client.sse import ServerSentEvent
from conformance.client.stream import Stream
from conformance.vocabulary import FINISHED


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One event in the terms of the contract, as far as it bears them."""

    kind: str
    run: dict[str, Any] | None
    step: dict[str, Any] | None

    @property
    def outcome(self) -> str:
        """Return the event without its subject: the last part of the kind."""
        return self.kind.rpartition(".")[2].rpartition("_")[2]

    @property
    def step_key(self) -> str | None:
        """The step it happened to, or None if it happened to the run."""
        key = None if self.step is None else self.step.get("key")
        return key if isinstance(key, str) else None

    @property
    def ends_run(self) -> bool:
        """Whether nothing more can come of this attempt."""
        return self.step is None and self.outcome in FINISHED


def run_events(events: Iterable[ServerSentEvent]) -> list[RunEvent]:
    """The events in the frames. The kind is in the JSON, or else in the frame; frames that hold no
    object are left out."""
    found: list[RunEvent] = []
    for event in events:
        try:
            value = event.json()
        except ValueError:
            continue
        if not isinstance(value, dict):
            continue
        kind = value.get("event")
        data = value.get("data")
        inner = data if isinstance(data, dict) else value
        found.append(
            RunEvent(
                kind=kind if isinstance(kind, str) else event.event,
                run=_object(inner.get("run")),
                step=_object(inner.get("step")),
            )
        )
    return found


def terminal_events(stream: Stream) -> list[RunEvent]:
    """The terminal events that have come."""
    return [event for event in run_events(stream.events) if event.ends_run]


def has_ended(stream: Stream) -> bool:
    """The run's terminal event has come."""
    return bool(terminal_events(stream))


def _object(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None
