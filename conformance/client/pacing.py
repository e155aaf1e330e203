"""Send requests no faster than the target allows: spaced evenly, without bursts that would get the
tenant blocked. The rate is configured, or follows from the limit that the target announces."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from conformance import deadline
from conformance.client.rate_limit_headers import (
    TOO_MANY_REQUESTS,
    RateLimit,
    read_rate_limit,
)

# Requests are spaced when less than this part of an announced limit remains.
_SCARCE = 0.25
# Seconds kept for the response.
_RESERVE = 2.0
# A limit that serves as many requests in a row though none remains is not enforced.
_MAX_BEYOND = 3


@dataclass(frozen=True, slots=True)
class Time:
    """The clock to pace by: seconds that only grow, and a way to let some pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Pacer:
    """Delays requests. `per_minute` is the configured rate, or 0: then only the limit that the
    target announces is kept, and only when little of it remains."""

    def __init__(self, per_minute: float = 0.0, clock: Time | None = None) -> None:
        self.configured = per_minute
        self.announced: RateLimit | None = None
        self._clock = clock or Time()
        self._interval = 60 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._prepaid = 0
        self._served_beyond = 0
        self._gaps: Iterator[float] = iter(())
        self._sent_at = 0.0
        self._lock = threading.Lock()

    @property
    def per_minute(self) -> float:
        """The requests of a minute, as configured or announced; 0 if there is no limit."""
        announced = self.announced.per_minute if self.announced else None
        return self.configured or announced or 0.0

    def keep_gaps(self, gaps: Iterable[float]) -> None:
        """Leave at least as many seconds before each of the next requests."""
        self._gaps = iter(gaps)

    def wait(self) -> None:
        """Wait until the next request may be sent."""
        with self._lock:
            gap = next(self._gaps, 0.0)
            seconds = self._sent_at + gap - self._clock.now()
        if seconds > 0 and gap and threading.current_thread() is threading.main_thread():
            self._clock.sleep(seconds)
        self._sent_at = self._clock.now()
        with self._lock:
            if self._prepaid:
                self._prepaid -= 1
                return
            if not self._interval:
                return
            seconds = self._book(1)
        # Other threads send at the same moment on purpose: later requests wait for them.
        if threading.current_thread() is threading.main_thread():
            self._pause(seconds)

    def make_room(self, count: int) -> None:
        """Wait until as many requests may be sent at the same moment; they do not wait again."""
        with self._lock:
            if not self._interval:
                return
            seconds = self._book(count)
            self._prepaid = count
        self._pause(seconds)

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """Read the limit that a response announces, names in lower case. One that is not enforced
        is not kept."""
        found = read_rate_limit(headers)
        if found is None:
            return
        with self._lock:
            if self.announced is None or self.announced.limit != found.limit:
                self.announced = found
            served = found.remaining == 0 and status != TOO_MANY_REQUESTS
            self._served_beyond = self._served_beyond + 1 if served else 0
            if not self.configured:
                enforced = self._served_beyond < _MAX_BEYOND
                self._interval = _interval(found) if enforced else 0.0

    def _book(self, count: int) -> float:
        """Return the seconds until as many requests may be sent at once."""
        now = self._clock.now()
        at = max(now, self._next) + (count - 1) * self._interval
        self._next = at + self._interval
        return at - now

    def _pause(self, seconds: float) -> None:
        # Where too little time is left for an announced limit, the target decides.
        if self.configured or seconds <= deadline.left(float("inf")) - _RESERVE:
            self._clock.sleep(seconds)


def _interval(limit: RateLimit) -> float:
    """Return the seconds from request to request that make the rest of the window last."""
    if limit.remaining is None or limit.reset is None:
        return 0.0
    scarce = limit.limit is None or limit.remaining < _SCARCE * limit.limit
    return limit.reset / (limit.remaining + 1) if scarce else 0.0
