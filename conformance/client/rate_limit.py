"""Honour rate limits of the target: read the wait that it asks for before the same request is sent
again, and count these waits. A 429 says nothing about the request itself."""

from __future__ import annotations

import calendar
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from conformance import deadline
from conformance.client.pacing import Pacer
from conformance.client.rate_limit_headers import TOO_MANY_REQUESTS

# Who is refused as often as this in a row is not let in by waiting.
_MAX_ATTEMPTS = 8
# A server that is a little behind the header's second refuses once more.
_MIN_WAIT = 0.1
# Seconds kept for the response that comes at last.
_RESERVE = 2.0


@dataclass(frozen=True, slots=True)
class RateLimitStats:
    """How often a request was refused for its rate, and how many seconds that was waited out."""

    count: int = 0
    seconds: float = 0.0

    def __add__(self, more: RateLimitStats) -> RateLimitStats:
        return RateLimitStats(self.count + more.count, self.seconds + more.seconds)

    @property
    def notes(self) -> tuple[str, ...]:
        """A note for the report; empty if no request was limited."""
        if not self.count:
            return ()
        times = "time" if self.count == 1 else "times"
        return (
            f"Rate limited: the target returned 429 {self.count} {times}, and the kit waited "
            f"{self.seconds:.0f} s. Raise the tenant's limit for a faster run.",
        )


class RateLimiter:
    """Wait, and keep count; `on_wait` is called in the main thread with the seconds of each
    wait. `pacer` keeps requests from being rejected in the first place."""

    def __init__(
        self, on_wait: Callable[[float], None] = lambda seconds: None, pacer: Pacer | None = None
    ) -> None:
        self.pacer = pacer or Pacer()
        self.stats = RateLimitStats()
        self._on_wait = on_wait
        self._lock = threading.Lock()

    def wait(self, status: int, headers: Mapping[str, str], attempts: int) -> bool:
        """Whether the request should be sent again: it was refused for its rate, and as much time
        as the target asked for, by `Retry-After`, has now gone by. Not if too little time is left
        for that, or it was tried too often."""
        requested = retry_after(headers) if status == TOO_MANY_REQUESTS else None
        if requested is None or attempts >= _MAX_ATTEMPTS:
            return False
        seconds = max(requested, _MIN_WAIT)
        if seconds > deadline.left(float("inf")) - _RESERVE:
            return False
        with self._lock:
            self.stats += RateLimitStats(1, seconds)
        if threading.current_thread() is threading.main_thread():
            self._on_wait(seconds)
        time.sleep(seconds)
        return True


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that `Retry-After` asks for, names in lower case; None if it asks for none."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    try:
        retry_at = parsedate_to_datetime(text)
        # By the clock of the server, where it sends one.
        now = parsedate_to_datetime(headers["date"]).timestamp() if "date" in headers else _now()
        return max(0.0, retry_at.timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def _now() -> float:
    return float(calendar.timegm(time.gmtime()))
