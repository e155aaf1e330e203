"""JSON values that people and requests supply: the results and errors of steps.

Each is checked when it comes in, so that it can be rendered whenever a client asks for it.
"""

from math import isfinite
from typing import Any

from mock_server.strict_json import MAX_INTEGER

MAX_DEPTH = 64
"""Levels of nesting; a renderer stops at about 250, and a list of runs adds some."""

MAX_RESULT_SIZE = 1_048_576
MAX_ERROR_SIZE = 16_384
"""Bytes of the JSON of one value; an error is part of every page of a list."""


def check_json(value: Any, max_size: int = MAX_RESULT_SIZE) -> int:
    """Return the size of ``value`` as JSON in bytes, roughly.

    Raise ValueError, with the location, for a value that cannot be rendered as JSON and for one
    that is larger than ``max_size``.
    """
    size = _size(value, "", 0)
    if size > max_size:
        raise ValueError(f"is larger than {max_size} bytes: make it smaller")
    return size


def _size(value: Any, at: str, depth: int) -> int:
    where = f" at {at[:100]}" if at else ""
    if depth > MAX_DEPTH:
        raise ValueError(f"is nested too deeply{where}: use at most {MAX_DEPTH} levels")
    match value:
        case None | bool():
            return 5
        case str():
            return len(_encoded(value, where)) + 2
        case int():
            if not -MAX_INTEGER <= value <= MAX_INTEGER:
                raise ValueError(f"an integer{where} is beyond 64 bits: put it in quotes")
            return 20
        case float():
            if not isfinite(value):
                raise ValueError(f"{value}{where} is not a number in JSON: put it in quotes")
            return 20
        case dict():
            size = 2
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise ValueError(f"the key {key!r}{where} is not a string: put it in quotes")
                size += len(_encoded(key, where)) + 4
                size += _size(inner, f"{at}.{key}" if at else key, depth + 1)
            return size
        case list():
            return 2 + sum(
                1 + _size(inner, f"{at}[{index}]", depth + 1) for index, inner in enumerate(value)
            )
        case _:
            raise ValueError(f"{value!r}{where} is not a JSON value: put it in quotes")


def _encoded(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"a text{where} has half of a surrogate pair: remove it") from None
