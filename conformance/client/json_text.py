"""Parse JSON that a target sent. JSON may spell half of a surrogate pair, which is not Unicode:
libraries that get such text later reject it."""

from __future__ import annotations

import json
import re
from typing import Any

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")


def loads(text: str) -> Any:
    """Return the value, with U+FFFD for each lone surrogate. Raise ValueError if it is not JSON,
    RecursionError if it is nested too deep."""
    value = json.loads(text, parse_constant=_no_constant)
    return _replaced(value) if _ESCAPED.search(text) else value


def has_lone_surrogate(text: str) -> bool:
    """Whether a text in this JSON is not Unicode."""
    return bool(_ESCAPED.search(text)) and _found(json.loads(text))


def _found(node: Any) -> bool:
    match node:
        case str():
            return _SURROGATE.search(node) is not None
        case dict():
            return any(_found(key) or _found(value) for key, value in node.items())
        case list():
            return any(map(_found, node))
        case _:
            return False


def _replaced(node: Any) -> Any:
    match node:
        case str():
            return _SURROGATE.sub("\ufffd", node)
        case dict():
            return {_replaced(key): _replaced(value) for key, value in node.items()}
        case list():
            return [_replaced(each) for each in node]
        case _:
            return node


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
