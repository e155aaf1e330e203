"""The time of a server, from its responses: never exact, but between two bounds.

The clocks of the mocks that share a store may be hours apart. So what one stores and another reads
is by the clock of the store.
"""

_DRIFT = 0.001
"""Milliseconds per millisecond by which two clocks may run apart."""


class ServerClock:
    """The bounds of a server's time of day in milliseconds; ``sent``, ``received`` and ``now`` are
    real seconds of this process."""

    __slots__ = ("_earliest", "_heard_at", "_latest")

    def __init__(self) -> None:
        self._earliest = self._latest = 0.0
        self._heard_at = 0.0

    def heard(self, sent: float, received: float, stated: int) -> None:
        """Note that the server stated its time between ``sent`` and ``received``."""
        self._earliest = stated - received * 1_000
        self._latest = stated + 1 - sent * 1_000  # It cuts off a part of a millisecond.
        self._heard_at = received

    def earliest(self, now: float) -> int:
        """Return an instant that is not after the server's."""
        return int(self._earliest + now * 1_000 - self._error(now))

    def latest(self, now: float) -> int:
        """Return an instant that is not before the server's."""
        return int(self._latest + now * 1_000 + self._error(now)) + 1

    def _error(self, now: float) -> float:
        return max(now - self._heard_at, 0) * 1_000 * _DRIFT
