"""Durations as text: ``250ms``, ``2s``, ``1.5m``, ``1h``, ``2d``, or a range such as ``1s..3s``.

In code they are whole milliseconds.
"""

import re
from dataclasses import dataclass

from mock_server.engine.clock import DAY, HOUR, MINUTE, SECOND

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) *(ms|s|m|h|d)")
MAX_DURATION = 365 * DAY

DURATION_PATTERN = rf"^\s*{_DURATION.pattern}\s*$"
SPAN_PATTERN = rf"^\s*{_DURATION.pattern}\s*(\.\.\s*{_DURATION.pattern}\s*)?$"
"""For schemas of files: a duration, and one or two."""


@dataclass(frozen=True, slots=True)
class Span:
    """A duration between ``minimum`` and ``maximum`` milliseconds, both included."""

    minimum: int
    maximum: int


def parse_duration(text: str) -> int:
    """Return the milliseconds of ``text``. Raise ValueError with an example."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{_shown(text)} is not a duration: write 250ms, 2s, 1.5m, 1h or 2d")
    milliseconds = round(float(match[1]) * _UNITS[match[2]])
    if milliseconds > MAX_DURATION:
        raise ValueError(f"{text!r} is longer than 365d")
    return milliseconds


def parse_span(text: object) -> Span:
    """Parse a duration, or two with ``..`` between them. Raise ValueError."""
    if not isinstance(text, str):
        raise ValueError(f"{_shown(text)} is not a duration: write 2s, or 1s..3s for a range")
    first, dots, last = text.partition("..")
    minimum = parse_duration(first)
    maximum = parse_duration(last) if dots else minimum
    if maximum < minimum:
        raise ValueError(f"{text!r} ends before it begins; write the shorter duration first")
    return Span(minimum, maximum)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def format_duration(milliseconds: int) -> str:
    """Return text for ``parse_duration``, in the largest unit that gives an integer."""
    for unit, size in reversed(_UNITS.items()):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def format_span(span: Span) -> str:
    """Return text for ``parse_span``."""
    minimum, maximum = format_duration(span.minimum), format_duration(span.maximum)
    return minimum if minimum == maximum else f"{minimum}..{maximum}"
