"""Collect runs from traffic that passes by, up to a number of runs and events."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from conformance.client import json_text
from conformance.client.run_events import RunEvent, run_events
from conformance.client.sse import Parser, ServerSentEvent
from conformance.recording.observed_run import ObservedRun
from conformance.recording.run_course import Json, instant
from conformance.traffic.exchange import ObservedExchange
from conformance.vocabulary import Operation

MAX_RUNS = 2_000
MAX_EVENTS = 100_000


class PassingRuns:
    """The runs that passed, the latest ones. `dropped` counts those that were too many."""

    def __init__(self, max_runs: int = MAX_RUNS) -> None:
        self._max_runs = max_runs
        self._runs: OrderedDict[str, ObservedRun] = OrderedDict()
        self._events = 0
        self.dropped = 0

    def all(self) -> list[ObservedRun]:
        """Return the runs of which a representation was seen."""
        return [each for each in self._runs.values() if each.run]

    def find(self, run_id: str) -> ObservedRun | None:
        """Return what is known of a run."""
        return self._runs.get(run_id.lower())

    def take(self, seen: ObservedExchange) -> None:
        """Take an exchange; one that failed shows no run."""
        place, response = seen.request.place, seen.response
        if place is None or place.operation is None or response is None or response.body is None:
            return
        if not 200 <= response.status < 300:
            return
        if place.operation is Operation.EVENTS:
            if response.is_stream and "last-event-id" not in seen.request.values:
                self._stream(place.run_id, run_events(sse_events(response.body)))
            return
        body = object_in(response.body)
        match place.operation:
            case Operation.LIST:
                items = body.get("items")
                for item in items if isinstance(items, list) else ():
                    self._run(item)
            case Operation.STEPS:
                self._of(place.run_id).see_steps(body.get("steps"))
            case Operation.RETRY:
                if str(body.get("id")).lower() == place.run_id.lower():
                    self._of(place.run_id).see_retry(body)
                self._run(body)
            case _:
                self._run(body)

    def _run(self, run: Any) -> None:
        if not isinstance(run, dict) or not isinstance(run.get("id"), str):
            return
        known = self._of(run["id"])
        before, now = (instant(each, "updatedAt") or 0 for each in (known.run, run))
        # Requests overlap, and a list may lag.
        if now >= before:
            known.see_run(run)

    def _stream(self, run_id: str, events: list[RunEvent]) -> None:
        known = self._of(run_id)
        self._events -= len(known.events)
        known.see_events(events)
        self._events += len(known.events)
        for other in self._runs.values():
            if self._events <= MAX_EVENTS:
                break
            self._events -= len(other.events)
            other.events = ()

    def _of(self, run_id: str) -> ObservedRun:
        found = self._runs.setdefault(run_id.lower(), ObservedRun(run_id))
        self._runs.move_to_end(run_id.lower())
        if len(self._runs) > self._max_runs:
            _, oldest = self._runs.popitem(last=False)
            self._events -= len(oldest.events)
            self.dropped += 1
        return found


def sse_events(body: bytes) -> list[ServerSentEvent]:
    """Return the complete events of a stream."""
    parser = Parser()
    parser.feed(body, 0.0)
    return parser.events


def object_in(body: bytes) -> Json:
    """Return the object in a body; an empty one if it has none."""
    try:
        value = json_text.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
