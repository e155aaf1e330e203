"""JSON without what parsers read differently: repeated keys, NaN, infinity, integers beyond 64 bit,
half of a surrogate pair.

A large text is parsed in a thread. The hooks are Python functions, so that Python can switch to the
event loop meanwhile.
"""

import asyncio
import json
import re
from math import inf, isfinite
from typing import Any

from mock_server.gc_tuning import paused_gc

MAX_INTEGER = 2**63 - 1
"""The largest integer that clients in most languages can read."""

_LARGE = 65_536
"""Bytes from which on a text is parsed in a thread."""

_MAX_DIGITS = 1_000
"""The maximum length of a number."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class JsonError(ValueError):
    """A text that is not JSON, or that parsers read differently, at ``position``, if known."""

    def __init__(self, problem: str, position: int = 0) -> None:
        super().__init__(problem)
        self.problem, self.position = problem, position


async def parse_large(content: bytes) -> Any:
    """Return the value of ``content``; other requests are served meanwhile. Raise JsonError."""
    if len(content) < _LARGE:
        return parse(content)
    return await asyncio.to_thread(_parse_many, content)


def parse(content: bytes) -> Any:
    """Return the value of ``content``. Raise JsonError."""
    try:
        text = content.decode()
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
        if _SURROGATE.search(content):
            _check_texts(value)
        return value
    except json.JSONDecodeError as error:
        raise JsonError("JSON decode error", error.pos) from None
    except UnicodeDecodeError as error:
        raise JsonError("JSON decode error: not UTF-8", error.start) from None
    except RecursionError:
        raise JsonError("JSON decode error: nested too deeply") from None


def _parse_many(content: bytes) -> Any:
    with paused_gc():  # It can create hundreds of thousands of objects.
        return parse(content)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise JsonError(f"JSON decode error: the key {name[:60]!a} is repeated")
            seen.add(name)
    return value


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) > MAX_INTEGER:
        raise JsonError(f"JSON decode error: {digits[:30]} is beyond 64 bit")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits) if len(digits) <= _MAX_DIGITS else inf
    if not isfinite(value):
        raise JsonError(f"JSON decode error: {digits[:30]} is too large")
    return value


def _constant(name: str) -> float:
    raise JsonError(f"JSON decode error: {name} is not JSON")


def _check_texts(value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise JsonError("JSON decode error: half of a surrogate pair") from None
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_texts(key)
            _check_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner)
