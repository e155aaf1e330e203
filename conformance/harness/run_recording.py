"""Hold recordings of runs: snapshots taken while polling, and streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from conformance.client.stream import Stream


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run and its steps, read one after the other, and when, by the monotonic clock."""

    run: dict[str, Any]
    steps: list[dict[str, Any]]
    at: float = field(default_factory=monotonic, compare=False)


@dataclass(frozen=True, slots=True)
class StreamRecording:
    """Hold the stream of a succeeding run as two subscribers received it from its creation on.

    `early` is the stream of a third one, which left early.
    """

    run_id: str
    first: Stream
    second: Stream
    early: Stream


@dataclass(frozen=True, slots=True)
class IdleStream:
    """A stream on which nothing should happen, the comments before that, and since when, by the
    monotonic clock."""

    stream: Stream
    comments: int
    since: float
