"""Read the rate limit that a target announces, in the headers that are in use: `X-RateLimit-*`, the
`RateLimit` and `RateLimit-Policy` of the IETF draft, and the separate fields of its versions."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

TOO_MANY_REQUESTS = 429
# A reset that is greater counts seconds since 1970, not from now.
_EPOCH = 1_000_000_000
# The lengths that windows have where none is announced, in seconds.
_WINDOWS = (1, 10, 60, 300, 900, 3600, 86_400)
_PREFIXES = ("x-ratelimit-", "x-rate-limit-", "ratelimit-")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`limit` requests in `window` seconds; `remaining` of them until the window ends in `reset`
    seconds. A part that was not announced is None."""

    limit: int | None
    window: float | None
    remaining: int | None
    reset: float | None

    @property
    def per_minute(self) -> float | None:
        """The requests that are allowed in a minute; None if limit or window is unknown."""
        if self.limit is None or not self.window:
            return None
        return self.limit * 60 / self.window


def read_rate_limit(headers: Mapping[str, str], now: float | None = None) -> RateLimit | None:
    """Return the limit in these headers, names in lower case; None if there is none. `now` is the
    time in seconds since 1970 where the target does not send its own."""
    state, policy = headers.get("ratelimit", ""), headers.get("ratelimit-policy", "")
    limit, window = _parameter("limit", state), _parameter("w", policy)
    remaining = _parameter("remaining|r", state)
    reset: float | None = _parameter("reset|t", state)
    if limit is None and (limit := _parameter("q", policy)) is None:
        limit = _number(policy)
    for prefix in _PREFIXES:
        announced = headers.get(f"{prefix}limit", "")
        limit = _number(announced) if limit is None else limit
        window = _parameter("w", announced) if window is None else window
        remaining = (
            _number(headers.get(f"{prefix}remaining", "")) if remaining is None else remaining
        )
        if reset is None and (found := _number(headers.get(f"{prefix}reset", ""))) is not None:
            reset = max(0.0, found - _date(headers, now)) if found > _EPOCH else found
    if limit is None and remaining is None:
        return None
    seconds: float | None = window
    if seconds is None and reset is not None:
        # A reset that is rounded up may be a second more.
        seconds = next((w for w in _WINDOWS if w >= reset - 1), None)
    return RateLimit(limit, seconds, remaining, reset)


def _parameter(names: str, text: str) -> int | None:
    """Return the first number that the text has for one of these names."""
    found = re.search(rf"(?:^|[\s;,])(?:{names})\s*=\s*(\d{{1,12}})(?![\d.])", text)
    return int(found[1]) if found else None


def _number(text: str) -> int | None:
    """Return the number that the text begins with."""
    found = re.match(r"\s*(\d{1,12})(?![\d.])", text)
    return int(found[1]) if found else None


def _date(headers: Mapping[str, str], now: float | None) -> float:
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (LookupError, ValueError, TypeError, OverflowError):
        return float(now or 0.0) or _now()


def _now() -> float:
    return float(calendar.timegm(time.gmtime()))
