"""Changes to JSON documents and YAML texts, drawn by Hypothesis, for fuzzing."""

import copy
from typing import Any

from hypothesis import strategies as st


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"a": value}
    return value


HOSTILE: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 1.5, 2**31, 2**53, 2**63, 2**64, -(2**63) - 1, 10**400,
    5e-324, 1e308, float("nan"), float("inf"), "", "x", "\0", "\x1b[2J", "\ud800", "\u202e",
    "x" * 2_000, "{{enum}}", "{{ __class__ }}", "{{first_name}}", [], {}, [[]], [None], {"": {}},
    nested(70), nested(300), "9" * 400 + "s", "1s", "\u0663s", "0ms", "365d", "1s..2s", "2s..1s",
    "run.started", "step.completed", "running", "fails", "start", "cancel",
    "2026-03-02T08:15:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "now",
    "497f6eca-6276-4993-bfeb-53cbbbba6f08",
]  # fmt: skip
"""Values at and beyond the bounds of what documents may contain."""


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the location of every value in ``value``, in order."""
    found = [at] if at else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += paths(inner, (*at, index))
    return found


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """Draw a copy of ``value`` with one to three changes."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        places = paths(value)
        if not places:
            break
        *way, key = draw(st.sampled_from(places))
        holder = value
        for part in way:
            holder = holder[part]
        match draw(st.sampled_from(["replace", "replace", "remove", "double", "copy", "add"])):
            case "replace":
                holder[key] = copy.deepcopy(draw(st.sampled_from(HOSTILE)))
            case "remove":
                del holder[key]
            case "double" if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case "add" if isinstance(holder, dict):
                holder[draw(st.sampled_from(["", "x", "repeat", "__proto__", "id"]))] = holder[key]
            case _:
                source: Any = value
                for part in draw(st.sampled_from(places)):
                    source = source[part]
                holder[key] = copy.deepcopy(source)
    return value
