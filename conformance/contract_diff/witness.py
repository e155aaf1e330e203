"""Propose values for a schema: candidates for counterexamples, to be checked by a validator.

Nothing here is trusted: a candidate counts only if one schema's validator accepts it and the
other's rejects it. So a wrong candidate costs time and never a wrong verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from re import _constants, _parser
from typing import Any

MAX_CANDIDATES = 60
_MAX_DEPTH = 6
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_PLAIN: dict[str, tuple[Any, ...]] = {
    "null": (None,),
    "boolean": (True, False),
    "integer": (0, 1, -1, 7, 2**31, 2**63),
    "number": (0.5, -0.5, 0, 1e300),
    "string": ("", "a", "A", "1", "a b", "é", "a" * 300),
    "array": ([], [0], ["a"], [0, 0]),
    "object": ({}, {"a": 0}, {"a": "a"}),
}
_BY_FORMAT = {
    "date": "2026-03-02",
    "date-time": "2026-03-02T08:15:00Z",
    "duration": "PT1S",
    "email": "a@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "time": "08:15:00Z",
    "uri": "https://example.org/",
    "uri-reference": "/a",
    "uuid": "497f6eca-6276-4993-bfeb-53cbbbba6f08",
}


def candidates(schema: Any, depth: int = 0) -> Iterator[Any]:
    """Yield values that the schema, without references, may accept, likely ones first."""
    if schema is True or schema == {}:
        for kind in _TYPES:
            yield from islice(_PLAIN[kind], 2)
        return
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return
    if "const" in schema:
        yield schema["const"]
        return
    if isinstance(schema.get("enum"), list):
        yield from schema["enum"]
        return
    for key in ("anyOf", "oneOf", "allOf"):
        rest = {name: value for name, value in schema.items() if name != key}
        for branch in schema.get(key, []):
            merged = {**rest, **branch} if isinstance(branch, dict) else rest
            yield from islice(candidates(merged, depth + 1), 8)
    kinds = schema.get("type", _TYPES)
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        yield from _of_type(kind, schema, depth)


def _of_type(kind: str, schema: dict[str, Any], depth: int) -> Iterator[Any]:
    if kind in ("integer", "number"):
        yield from _numbers(kind, schema)
    elif kind == "string":
        yield from _strings(schema)
    elif kind == "array":
        yield from _arrays(schema, depth)
    elif kind == "object":
        yield from _objects(schema, depth)
    yield from _PLAIN.get(kind, ())


def _numbers(kind: str, schema: dict[str, Any]) -> Iterator[float]:
    for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        bound = schema.get(key)
        if isinstance(bound, int | float) and not isinstance(bound, bool):
            yield from (bound, bound + 1, bound - 1)
            if kind == "number":
                yield from (bound + 0.5, bound - 0.5)
    if isinstance(step := schema.get("multipleOf"), int | float):
        yield from (step, 2 * step, 3 * step, -step)


def _strings(schema: dict[str, Any]) -> Iterator[str]:
    if schema.get("format") in _BY_FORMAT:
        yield _BY_FORMAT[schema["format"]]
    if isinstance(pattern := schema.get("pattern"), str):
        yield from islice(matching(pattern), 12)
    for key in ("minLength", "maxLength"):
        if isinstance(length := schema.get(key), int) and 0 <= length <= 10_000:
            yield "a" * length
            yield "a" * (length + 1)


def _arrays(schema: dict[str, Any], depth: int) -> Iterator[list[Any]]:
    fewest = schema.get("minItems", 0)
    first = [next(candidates(each, depth + 1), None) for each in schema.get("prefixItems", [])]
    contained = list(islice(candidates(schema.get("contains", {}), depth + 1), 3))
    for value in (*islice(candidates(schema.get("items", True), depth + 1), 8), *contained):
        if isinstance(fewest, int) and fewest <= 100:
            yield first + [value] * max(1, fewest - len(first))
            yield first + [value] * (max(fewest, schema.get("maxItems", 1)) + 1)
    if first:
        yield first


def _objects(schema: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    properties: dict[str, Any] = schema.get("properties", {})
    required = [name for name in schema.get("required", []) if isinstance(name, str)]
    base = {
        name: next(candidates(properties.get(name, True), depth + 1), None) for name in required
    }
    yield base
    for name, inner in properties.items():
        for value in islice(candidates(inner, depth + 1), 8):
            yield {**base, name: value}
        if inner is False or name not in base:
            continue
        yield {key: value for key, value in base.items() if key != name}
    extra = schema.get("additionalProperties", True)
    if extra is not False:
        for value in islice(candidates(extra, depth + 1), 4):
            yield {**base, "additional": value}


def matching(pattern: str) -> Iterator[str]:
    """Yield a few strings that the regular expression may match, short ones first."""
    try:
        tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return
    yield from _texts(list(tree))


def _texts(nodes: list[Any], limit: int = 24) -> list[str]:
    """Return texts for a sequence: each node varied while the others stay at their first."""
    options = [_options(operation, argument) or [""] for operation, argument in nodes]
    first = [each[0] for each in options]
    found = ["".join(first)]
    for index, each in enumerate(options):
        for text in each[1:]:
            found.append("".join([*first[:index], text, *first[index + 1 :]]))
    return list(dict.fromkeys(found))[:limit]


def _options(operation: Any, argument: Any) -> list[str]:
    match str(operation):
        case "LITERAL":
            found = [chr(argument)]
        case "ANY" | "NOT_LITERAL":
            found = ["a", "1"]
        case "IN":
            found = _class(argument)
        case "BRANCH":
            found = [text for branch in argument[1] for text in _texts(list(branch), 4)]
        case "SUBPATTERN":
            found = _texts(list(argument[-1]), 8)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            found = _repeated(*argument)
        case _:
            found = [""]
    return found


def _repeated(least: int, most: Any, inner: Any) -> list[str]:
    texts = _texts(list(inner), 8)
    more = least + 2 if most is _constants.MAXREPEAT else min(most, 64)
    counts = sorted({least, max(least, 1), more})
    return [text * count for count in counts if count <= 1_000 for text in texts]


def _class(items: list[Any]) -> list[str]:
    found = []
    for operation, argument in items:
        match str(operation):
            case "NEGATE":
                return ["a", "A", "1", "-", " "]
            case "LITERAL":
                found.append(chr(argument))
            case "RANGE":
                found += [chr(argument[0]), chr(argument[1])]
            case "CATEGORY":
                found += {"CATEGORY_DIGIT": ["0"], "CATEGORY_SPACE": [" "]}.get(
                    str(argument), ["a"]
                )
    return found
