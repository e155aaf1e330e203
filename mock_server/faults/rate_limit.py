"""Rate limits: a number of requests per window of the world's time, in the platform's headers.

A window begins with the first request after the previous one ended. Requests beyond the limit get
429 and do not extend it.
"""

import math
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

from mock_server import yaml_model
from mock_server.engine.clock import DAY, MINUTE, SECOND
from mock_server.engine.duration import format_duration, parse_span
from mock_server.faults.fault import DURATION_SCHEMA

NAME = "rateLimit"
EXAMPLE = "rateLimit.limit=60"


def _window(text: object) -> int:
    span = parse_span(text)
    if span.minimum != span.maximum or not SECOND <= span.minimum <= 31 * DAY:
        raise ValueError(f"expected one duration from 1s to 31d, got {text!r}")
    return span.minimum


class RateLimit(yaml_model.Model):
    """Return 429 for requests beyond `limit` within a `window` of world time, and add the
    rate-limit headers of the platform to every response. Must be the only fault of its rule."""

    limit: int = Field(default=60, ge=0, le=1_000_000)
    window: Annotated[
        int, BeforeValidator(_window), PlainSerializer(format_duration), DURATION_SCHEMA
    ] = MINUTE


class Window:
    """The current window of one limit."""

    __slots__ = ("_count", "_ends_at", "_limit")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._ends_at = 0
        self._count = 0

    @property
    def state(self) -> tuple[int, int]:
        """The instant at which it ends, and the requests that it has counted."""
        return self._ends_at, self._count

    @state.setter
    def state(self, state: tuple[int, int]) -> None:
        self._ends_at, self._count = state

    def count(self, now: int) -> int:
        """Count a request and return how many remain, below 0 when it exceeds the limit."""
        if now >= self._ends_at:
            self._ends_at = now + self._limit.window
            self._count = 0
        self._count = min(self._count, self._limit.limit) + 1
        return self._limit.limit - self._count

    def retry_after(self, now: int) -> int:
        """Return the seconds from the ``Date`` of the response to ``X-RateLimit-Reset``."""
        return self._reset - now // SECOND

    def headers(self, remaining: int) -> tuple[tuple[bytes, bytes], ...]:
        """Return the platform's headers."""
        return (
            (b"x-ratelimit-limit", b"%d" % self._limit.limit),
            (b"x-ratelimit-remaining", b"%d" % max(remaining, 0)),
            (b"x-ratelimit-reset", b"%d" % self._reset),
        )

    @property
    def _reset(self) -> int:
        return math.ceil(self._ends_at / SECOND)
