"""The events that will happen to runs without a request: when, to which run, and of what kind.

Entries are data, so they can be part of a world's snapshot.
"""

import heapq
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from mock_server.engine.run import Run


class ScheduledKind(StrEnum):
    """What happens, to the run or to one of its steps."""

    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"


class ScheduledEvent(NamedTuple):
    """An event that will happen; the tuples sort in the order of events. ``step`` is -1 for an
    event of the run itself."""

    at: int
    order: int
    run: Run
    epoch: int
    kind: ScheduledKind
    step: int


_scheduled = partial(tuple.__new__, ScheduledEvent)


class Schedule:
    """All scheduled events in order. An event of an earlier epoch of its run no longer counts."""

    def __init__(self) -> None:
        self._heap: list[ScheduledEvent] = []
        self._order = 0

    def __iter__(self) -> Iterator[ScheduledEvent]:
        """Iterate over the events in order."""
        return iter(sorted(event for event in self._heap if event.epoch == event.run.epoch))

    @property
    def next_at(self) -> int | None:
        """The instant of the next event."""
        heap = self._heap
        while heap and heap[0].epoch != heap[0].run.epoch:
            heapq.heappop(heap)
        return heap[0].at if heap else None

    def add(self, at: int, run: Run, kind: ScheduledKind, step: int = -1) -> None:
        """Schedule an event at ``at``, after the events of that instant that are scheduled."""
        self._order += 1
        event = _scheduled((at, self._order, run, run.epoch, kind, step))
        heapq.heappush(self._heap, event)

    def pop(self, now: int) -> ScheduledEvent | None:
        """Remove and return the next event that is due by ``now``."""
        heap = self._heap
        while heap and heap[0].at <= now:
            event = heapq.heappop(heap)
            if event.epoch == event.run.epoch:
                return event
        return None

    def drop(self, run: Run, step: int) -> None:
        """Remove the events of that step."""
        self._heap = [event for event in self._heap if event.run is not run or event.step != step]
        heapq.heapify(self._heap)
