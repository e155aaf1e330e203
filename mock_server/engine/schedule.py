"""What will happen to runs by itself: each entry says when, to which run, and what kind of thing.

Entries are data, so that they can be written down with the world they belong to.
"""

import heapq
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from mock_server.engine.run import Run


class ScheduledKind(StrEnum):
    """What happens: to the run as a whole, or to one of its steps."""

    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"


class ScheduledEvent(NamedTuple):
    """Something that will happen by itself; the tuple's order is the order of happening. ``step``
    is -1 where it happens to the run as a whole."""

    at: int
    order: int
    run: Run
    epoch: int
    kind: ScheduledKind
    step: int


class Schedule:
    """Everything that is due, in order. What was planned in an earlier epoch of its run, or was
    dropped, is passed over."""

    def __init__(self) -> None:
        self._heap: list[ScheduledEvent] = []
        self._order = 0

    def __iter__(self) -> Iterator[ScheduledEvent]:
        """What is due, in order of happening."""
        return iter(sorted(due for due in self._heap if due.epoch == due.run.epoch))

    @property
    def next_at(self) -> int | None:
        """The instant of the next thing that happens by itself."""
        heap = self._heap
        while heap and heap[0].epoch != heap[0].run.epoch:
            heapq.heappop(heap)
        return heap[0].at if heap else None

    def add(self, at: int, run: Run, kind: ScheduledKind, step: int = -1) -> None:
        """At ``at``, after what is planned for that instant already, this happens to ``run``."""
        self._order += 1
        heapq.heappush(self._heap, ScheduledEvent(at, self._order, run, run.epoch, kind, step))

    def pop(self, now: int) -> ScheduledEvent | None:
        """The next thing that is due by ``now``, taken off."""
        heap = self._heap
        while heap and heap[0].at <= now:
            due = heapq.heappop(heap)
            if due.epoch == due.run.epoch:
                return due
        return None

    def drop(self, run: Run, step: int) -> None:
        """What was due for that step no longer is; other steps go on."""
        self._heap = [due for due in self._heap if due.run is not run or due.step != step]
        heapq.heapify(self._heap)
