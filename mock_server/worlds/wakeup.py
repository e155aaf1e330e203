"""What lets a world go on by itself while somebody follows it: one timer, however many do.

It is set to what is due next in the world, or to the moment the one who was told nothing for the
longest time is to be told that the stream is alive. Both are instants of the world's clock: where
that is frozen nothing beats, until it is advanced.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from mock_server.engine.clock import SECOND, monotonic

if TYPE_CHECKING:
    from mock_server.worlds.world import World

HEARTBEAT_INTERVAL = 15 * SECOND
"""Milliseconds of the world's time without an event after which a reader is told that it is still
there, so that proxies keep the connection."""

MIN_HEARTBEAT_GAP = 1.0
"""Real seconds between two such signs, however fast the clock goes."""

_MAX_SLEEP = 3_600.0
_AT_ONCE = 200
"""Readers that are told at a time; whatever else there is to do comes between."""


class Subscriber(Protocol):
    """Who follows and wants a sign of life."""

    def heartbeat(self) -> None:
        """Nothing was told for a while."""


class Wakeup:
    """Lets ``world`` catch up whenever something is due, for as long as somebody follows."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._timer: asyncio.TimerHandle | None = None
        # When each was told something, by the world's clock and in real seconds; the one that has
        # waited longest comes first.
        self._told: OrderedDict[Subscriber, tuple[int, float]] = OrderedDict()

    def told(self, reader: Subscriber) -> None:
        """``reader`` was told something just now; the first time, it joins."""
        self._told[reader] = (self._world.clock.now(), monotonic())
        self._told.move_to_end(reader)

    def left(self, reader: Subscriber) -> None:
        """``reader`` follows no more."""
        self._told.pop(reader, None)

    def arm(self) -> None:
        """Set the timer to what comes next; to be called whenever that may have changed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._world.has_subscribers:
            return
        delays = [delay for delay in (self._until_due(), self._until_silent()) if delay is not None]
        if delays:
            delay = min(*delays, _MAX_SLEEP)
            self._timer = asyncio.get_running_loop().call_later(delay, self._beat)

    def _until_due(self) -> float | None:
        due = self._world.next_due
        return None if due is None else self._world.clock.real_delay(due)

    def _until_silent(self) -> float | None:
        """Real seconds until the first reader is to have a sign of life; None for never."""
        if not self._told:
            return None
        at, real = next(iter(self._told.values()))
        clock = self._world.clock
        if clock.frozen:
            return None if clock.now() < at + HEARTBEAT_INTERVAL else 0.0
        return max(
            clock.real_delay(at + HEARTBEAT_INTERVAL) or 0.0, real + MIN_HEARTBEAT_GAP - monotonic()
        )

    def _beat(self) -> None:
        self._timer = None
        self._world.catch_up()
        for _ in range(_AT_ONCE):
            wait = self._until_silent()
            if wait is None or wait > 0:
                break
            reader = next(iter(self._told))
            self.told(reader)
            reader.heartbeat()
        self.arm()
