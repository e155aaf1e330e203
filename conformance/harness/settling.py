"""Give reads that lag after a write their time: a list served by a replica, a run just created.

The lag is measured, and reported as an observation.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from conformance.assertions.matchers import Matcher

T = TypeVar("T")
# Seconds that a list may lag behind where no other limit is configured.
DEFAULT_SETTLE = 1.0
_PAUSE = 0.1


@dataclass(slots=True)
class Settling:
    """Lags up to `limit` seconds are accepted; `seen` has the longest of each kind. The list is
    `contradictory` if readings of it differed for longer though no run changed."""

    limit: float = DEFAULT_SETTLE
    seen: dict[str, float] = field(default_factory=dict)
    contradictory: bool = False

    def read(
        self, what: str, read: Callable[[], T], matches: Matcher[T], limit: float | None = None
    ) -> tuple[T, str | None]:
        """Read until the value matches; return the last value, and its fault or None.

        The lag is recorded under `what` if the value did not match at first.
        """
        start, matched_at_once = time.monotonic(), True
        limit = self.limit if limit is None else limit
        while True:
            # A read may take long, on a busy machine or where requests are paced: it shows what
            # was there when it began.
            lag = time.monotonic() - start
            value = read()
            why = matches(value)
            if why is None:
                if not matched_at_once:
                    self.seen[what] = max(lag, self.seen.get(what, 0.0))
                return value, None
            if lag >= limit:
                return value, why
            matched_at_once = False
            time.sleep(_PAUSE)

    @property
    def notes(self) -> tuple[str, ...]:
        """A note for the report on each kind of lag."""
        return tuple(
            f"Observation: {what} up to {lag:.1f} s after a write."
            + (f" Accept more with --settle {2 * lag:.1g}s." if lag > self.limit / 2 else "")
            for what, lag in sorted(self.seen.items())
        )
