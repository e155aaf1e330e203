"""Rate limits: so many requests in a window of the world's time, as the platform's headers tell.

A window begins with the first request after the last one ended. Requests beyond the limit are
refused and do not make it longer.
"""

import math
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

from mock_server import yaml_model
from mock_server.engine.clock import DAY, MINUTE, SECOND
from mock_server.engine.duration import format_duration, parse_span

NAME = "rateLimit"


def _window(text: object) -> int:
    span = parse_span(text)
    if span.minimum != span.maximum or not SECOND <= span.minimum <= 31 * DAY:
        raise ValueError(f"{text!r} is no window; write one duration from 1s to 31d")
    return span.minimum


class RateLimit(yaml_model.Model):
    """At most ``limit`` requests within each ``window``."""

    limit: int = Field(default=60, ge=0, le=1_000_000)
    window: Annotated[int, BeforeValidator(_window), PlainSerializer(format_duration)] = MINUTE


class Window:
    """The present window of one limit."""

    __slots__ = ("_counted", "_ends", "_limit")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._ends = 0
        self._counted = 0

    @property
    def state(self) -> tuple[int, int]:
        """When it ends, and how many requests it has counted."""
        return self._ends, self._counted

    @state.setter
    def state(self, state: tuple[int, int]) -> None:
        self._ends, self._counted = state

    def count(self, now: int) -> int:
        """Count a request at that instant; gives how many are left after it, below 0 when there is
        one too many."""
        if now >= self._ends:
            self._ends = now + self._limit.window
            self._counted = 0
        self._counted = min(self._counted, self._limit.limit) + 1
        return self._limit.limit - self._counted

    def retry_after(self, now: int) -> int:
        """Whole seconds until the window ends, at least 1."""
        return math.ceil((self._ends - now) / SECOND)

    def headers(self, left: int) -> tuple[tuple[bytes, bytes], ...]:
        """The platform's headers."""
        return (
            (b"x-ratelimit-limit", b"%d" % self._limit.limit),
            (b"x-ratelimit-remaining", b"%d" % max(left, 0)),
            (b"x-ratelimit-reset", b"%d" % math.ceil(self._ends / SECOND)),
        )
