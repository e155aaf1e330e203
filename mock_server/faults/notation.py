"""Faults as people write them in a line: ``drop``, ``latency.takes=2s``, ``status.code=503``."""

import math
from collections.abc import Iterable
from typing import Any

import yaml


def parse(items: Iterable[str]) -> dict[str, Any]:
    """Return the items as the fields of one rule. Raise ValueError for one that cannot be read.

    The kinds and their fields are not checked.
    """
    rule: dict[str, Any] = {}
    for item in items:
        name, equals, text = item.partition("=")
        kind, dot, key = name.partition(".")
        if bool(equals) != bool(dot) or not kind or (dot and not key):
            raise ValueError(f"{item!r}: expected a kind, or kind.key=value as in latency.takes=2s")
        settings = rule.setdefault(kind, {})
        if key:
            value = _value(text)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{item!r}: expected a finite number, got {value}")
            settings[key] = value
    return rule


def _value(text: str) -> Any:
    """Return a number or a boolean where the text is one, else the text."""
    try:
        value = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, int | float | bool) else text
