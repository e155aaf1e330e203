"""The timer that lets a world go on by itself while it has subscribers: one, however many they are.

It is set to what is due next in the world, or to the moment at which the subscriber that was sent
nothing for the longest time gets a heartbeat. Both are instants of the world's clock: while that is
frozen, no heartbeats are sent until it is advanced.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol
from weakref import proxy

from mock_server.engine.clock import SECOND, monotonic

if TYPE_CHECKING:
    from mock_server.worlds.world import World

HEARTBEAT_INTERVAL = 15 * SECOND
"""Milliseconds of the world's time without an event after which a subscriber gets a comment, so
that proxies keep the connection."""

MIN_HEARTBEAT_GAP = 1.0
"""Real seconds between two heartbeats, however fast the clock goes."""

_MAX_SLEEP = 3_600.0
_BATCH = 200
"""Heartbeats in one go; other work comes in between."""


class Subscriber(Protocol):
    """A stream that wants heartbeats."""

    def heartbeat(self) -> None:
        """Send a comment, unless there is an event to send."""


class Wakeup:
    """Lets ``world`` catch up whenever something is due, as long as it has subscribers."""

    def __init__(self, world: World) -> None:
        self._world = proxy(world)  # The world refers to its wakeup.
        self._timer: asyncio.TimerHandle | None = None
        # When each was last sent something, by the world's clock and in real seconds; the one that
        # has waited longest comes first.
        self._last_sent: OrderedDict[Subscriber, tuple[int, float]] = OrderedDict()

    def sent_to(self, subscriber: Subscriber) -> None:
        """Note that ``subscriber`` is sent something now; the first time, add it."""
        self._last_sent[subscriber] = (self._world.clock.now(), monotonic())
        self._last_sent.move_to_end(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Send ``subscriber`` no further heartbeats."""
        self._last_sent.pop(subscriber, None)

    def close(self) -> None:
        """Cancel the timer for good."""
        self._cancel()
        self._last_sent.clear()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def arm(self) -> None:
        """Set the timer; call it whenever what comes next may have changed."""
        self._cancel()
        if not self._world.has_subscribers:
            return
        delays = [self._until_due(), self._until_expiry(), self._until_heartbeat()]
        delay = min((delay for delay in delays if delay is not None), default=None)
        if delay is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(delay, _MAX_SLEEP), self._wake)

    def _until_due(self) -> float | None:
        due = self._world.next_due
        return None if due is None else self._world.clock.real_delay(due)

    def _until_expiry(self) -> float | None:
        """Return the real seconds until a fault rule ends, which only an observer has to know."""
        if not self._world.observers:
            return None
        until = self._world.faults.next_expiry
        return None if until is None else self._world.clock.real_delay(until)

    def _until_heartbeat(self) -> float | None:
        """Return the real seconds until the next heartbeat; None for never."""
        if not self._last_sent:
            return None
        at, real = next(iter(self._last_sent.values()))
        clock = self._world.clock
        if clock.frozen:
            return None if clock.now() < at + HEARTBEAT_INTERVAL else 0.0
        remaining = clock.real_delay(at + HEARTBEAT_INTERVAL) or 0.0
        return max(remaining, real + MIN_HEARTBEAT_GAP - monotonic())

    def _wake(self) -> None:
        self._timer = None
        self._world.catch_up()
        if self._world.observers:
            self._world.faults.expire(self._world.clock.now())
            for observer in self._world.observers:
                observer.woken()
        for _ in range(_BATCH):
            wait = self._until_heartbeat()
            if wait is None or wait > 0:
                break
            subscriber = next(iter(self._last_sent))
            self.sent_to(subscriber)
            subscriber.heartbeat()
        self.arm()
