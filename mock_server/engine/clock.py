"""The time of a world: real, scaled or frozen, and advanced on request.

Only this module reads the machine's clocks. Instants are whole milliseconds since
1970-01-01T00:00:00Z, durations whole milliseconds, real delays seconds.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import lru_cache
from math import ceil

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_HELD_DELAY = 0.05
"""The shortest delay while no time passes."""

_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = (datetime(9000, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
"""The last instant of a clock; later ones could not be written as a date."""


def wall() -> int:
    """Return the machine's time of day as an instant."""
    return time.time_ns() // 1_000_000


def monotonic() -> float:
    """Return real seconds since a fixed moment; they never decrease."""
    return time.monotonic()


def awake_or_not() -> float:
    """Return real seconds as ``monotonic`` does, and those in which the machine slept, where the
    system counts them."""
    return time.clock_gettime(_BOOTTIME) if _BOOTTIME is not None else time.monotonic()


class Clock:
    """The clock of one world.

    ``start`` is its first instant; ``scale`` how many world seconds pass in a real one, 0 for a
    frozen clock that continues at real speed when it is resumed.
    """

    def __init__(
        self, start: int, scale: float = 1.0, real: Callable[[], float] = monotonic
    ) -> None:
        self._real = self._running = real
        self._holds = 0
        self._anchor = start
        self._anchored_at = real()
        self.frozen = scale == 0
        self.scale = scale or 1.0

    def now(self) -> int:
        """Return the present instant, never an earlier one than before."""
        if self.frozen:
            return self._anchor
        passed = (self._real() - self._anchored_at) * self.scale * SECOND
        return min(self._anchor + int(passed), LATEST)

    def freeze(self) -> None:
        """Stop the clock; no effect on a frozen one."""
        self.set_to(self.now())
        self.frozen = True

    def resume(self) -> None:
        """Continue at the scale it had; no effect on a running clock."""
        self.set_to(self.now())
        self.frozen = False

    def rescale(self, scale: float) -> None:
        """Set how many world seconds pass in a real one; a frozen clock stays frozen."""
        self.set_to(self.now())
        self.scale = scale

    def advance(self, duration: int) -> None:
        """Advance by ``duration``."""
        self.set_to(min(self.now() + duration, LATEST))

    def set_to(self, instant: int) -> None:
        """Continue from ``instant``; an earlier one only if nothing was shown since."""
        self._anchor = instant
        self._anchored_at = self._real()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no time pass during the block, in which the clock may be changed; afterwards the time
        that the block took has passed."""
        self.hold()
        try:
            yield
        finally:
            self.let_go()

    def hold(self) -> None:
        """Let no time pass until ``let_go`` was called as often as this."""
        self._holds += 1
        if self._holds == 1:
            moment = self._running()
            self._real = lambda: moment

    def let_go(self) -> None:
        """Undo one ``hold``; after the last, the time that passed meanwhile has passed."""
        self._holds -= 1
        if not self._holds:
            self._real = self._running

    def held_for(self) -> int:
        """Return the real milliseconds for which no time has passed, rounded up."""
        return ceil((self._running() - self._real()) * 1_000)

    def real_delay(self, until: int) -> float | None:
        """Return the real seconds until ``until``; None for a frozen clock."""
        if self.frozen:
            return None
        return max(_HELD_DELAY if self._holds else 0.0, (until - self.now()) / SECOND / self.scale)


def to_text(instant: int) -> str:
    """Return an instant as RFC 3339 in UTC with milliseconds: ``2026-03-02T08:15:00.000Z``."""
    moment = _EPOCH + timedelta(milliseconds=instant)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


@lru_cache(maxsize=64)
def to_http_date(second: int) -> bytes:
    """Return an instant, in whole seconds, as in the header ``Date``."""
    return formatdate(second, usegmt=True).encode()


def from_text(text: str) -> int:
    """Return the instant of an RFC 3339 date and time.

    Raise ValueError without a zone, and for years before 1970 or after 8999.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone: end it with Z or +00:00")
    instant = (moment - _EPOCH) // timedelta(milliseconds=1)
    if not 0 <= instant <= LATEST:
        raise ValueError(f"{text!r} is outside of the years 1970 to 8999")
    return instant
