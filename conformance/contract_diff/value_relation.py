"""Compare two schemas by the values they accept: which are lost, which are gained.

The decision is jsonschema_rs's (`covers`, `subtract` on canonical schemas). Where it returns
*unknown*, a value that one schema accepts and the other rejects still proves a difference; where
neither is found the relation stays open, and is reported so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonschema_rs
from jsonschema_rs import CanonicalSchema, canonical

from conformance.contract_diff.witness import MAX_CANDIDATES, candidates

Schema = Mapping[str, Any] | bool

_PREFIX = "#/components/schemas/"
_ANNOTATIONS = frozenset(
    [
        "default",
        "deprecated",
        "description",
        "discriminator",
        "example",
        "examples",
        "externalDocs",
        "readOnly",
        "title",
        "writeOnly",
        "xml",
        "contentMediaType",
        "contentSchema",
        "contentEncoding",
        "$comment",
    ]
)
_INT_FORMATS = {"int32": 31, "int64": 63}
_OPEN_FORMATS = frozenset(("float", "double", "password", "binary", "byte"))
_MAX_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Relation:
    """Whether the new schema rejects values of the old one (`lost`) and accepts more (`gained`).

    True and False are proven, None is open. The examples show a value, or a range of integers.
    """

    lost: bool | None
    gained: bool | None
    lost_example: str = ""
    gained_example: str = ""

    @property
    def same(self) -> bool:
        """Return whether both schemas are proven to accept the same values."""
        return self.lost is False and self.gained is False


class Comparison:
    """Relates schemas of an old and a new document; each side has its own components."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._components = (
            {name: bare(schema) for name, schema in old.items()},
            {name: bare(schema) for name, schema in new.items()},
        )
        self._relations: dict[str, Relation] = {}

    def relate(self, old: Schema, new: Schema, *, sides: tuple[int, int] = (0, 1)) -> Relation:
        """Return the relation; `sides` says whose components each schema refers to."""
        pair = [self._closed(old, sides[0]), self._closed(new, sides[1])]
        key = json.dumps(pair, sort_keys=True)
        if key not in self._relations:
            self._relations[key] = _related(*pair)
        return self._relations[key]

    def _closed(self, schema: Schema, side: int) -> Any:
        """Return the schema with the components that it refers to, directly or not."""
        found = bare(schema)
        if not isinstance(found, dict):
            return found
        needed: dict[str, Any] = {}
        ahead = references(found)
        while ahead:
            name = ahead.pop()
            if name not in needed and name in self._components[side]:
                needed[name] = self._components[side][name]
                ahead += references(needed[name])
        return {**found, "components": {"schemas": needed}} if needed else found


def bare(schema: Any) -> Any:
    """Return only the keywords that accept or reject values, integers' formats as bounds."""
    if isinstance(schema, list):
        return [bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _ANNOTATIONS or key.startswith("x-"):
            continue
        if key in ("properties", "patternProperties", "$defs", "dependentSchemas"):
            found[key] = {name: bare(each) for name, each in value.items()}
        else:
            found[key] = value if key in ("enum", "const", "required") else bare(value)
    return _without_formats(found)


def _without_formats(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("format")
    if name in _OPEN_FORMATS:
        return {key: value for key, value in schema.items() if key != "format"}
    if name in _INT_FORMATS:
        limit = 2 ** _INT_FORMATS[name]
        least, most = schema.get("minimum", -limit), schema.get("maximum", limit - 1)
        bounds = {"minimum": max(least, -limit), "maximum": min(most, limit - 1)}
        return {key: value for key, value in schema.items() if key != "format"} | bounds
    return schema


def references(node: Any) -> list[str]:
    """Return the names of the components that the schema refers to, in order."""
    return list(_referenced(node))


def _referenced(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str) and reference.startswith(_PREFIX):
            yield reference.removeprefix(_PREFIX).replace("~1", "/").replace("~0", "~")
        for value in node.values():
            yield from _referenced(value)
    elif isinstance(node, list):
        for item in node:
            yield from _referenced(item)


def _related(old: Any, new: Any) -> Relation:
    if old == new:
        return Relation(lost=False, gained=False)
    try:
        before, after = _canonical(old), _canonical(new)
    except (jsonschema_rs.ValidationError, canonical.CanonicalizationError, ValueError):
        return Relation(None, None)
    lost, lost_example = _beyond(before, after, old, new)
    gained, gained_example = _beyond(after, before, new, old)
    return Relation(lost, gained, lost_example, gained_example)


def _canonical(schema: Any) -> CanonicalSchema:
    return jsonschema_rs.canonicalize(
        schema, draft=jsonschema_rs.Draft202012, validate_formats=True, offline=True
    )


def _beyond(outer: CanonicalSchema, inner: CanonicalSchema, a: Any, b: Any) -> tuple[Any, str]:
    """Return whether `a` accepts a value that `b` rejects, and a text that shows one."""
    rest: Any = {}
    certain = None
    try:
        if inner.covers(outer) == canonical.Containment.YES:
            return False, ""
        difference = outer.subtract(inner)
        rest = difference.to_json_schema()
        if difference.satisfiability() == canonical.Satisfiability.NO:
            return False, ""
        if difference.satisfiability() == canonical.Satisfiability.YES:
            certain = True
    except canonical.CanonicalizationError:
        pass
    if certain and (shown := _span(rest)):
        return True, shown
    value = _counterexample(a, b, rest)
    if value is not _NOTHING:
        return True, _shown(value)
    return certain, ""


_NOTHING = object()


def _counterexample(accepting: Any, rejecting: Any, rest: Any) -> Any:
    try:
        accepts = jsonschema_rs.Draft202012Validator(accepting, validate_formats=True)
        rejects = jsonschema_rs.Draft202012Validator(rejecting, validate_formats=True)
    except (jsonschema_rs.ValidationError, ValueError):
        return _NOTHING
    for source in (rest, accepting, rejecting):
        for value in islice(candidates(source), MAX_CANDIDATES):
            if accepts.is_valid(value) and not rejects.is_valid(value):
                return value
    return _NOTHING


def _span(schema: Any) -> str:
    """Return integers between bounds as text: one value says less than where they are."""
    keys = set(schema) - {"$schema", "type"} if isinstance(schema, dict) else {""}
    if isinstance(schema, dict) and set(schema) - {"$schema"} in ({"const"}, {"enum"}):
        values = schema["enum"] if "enum" in schema else [schema["const"]]
        return _cut(", ".join(json.dumps(value, ensure_ascii=False) for value in values))
    if not keys or not keys <= {"minimum", "maximum"} or schema.get("type") != "integer":
        return ""
    if keys == {"minimum", "maximum"}:
        return f"{schema['minimum']}..{schema['maximum']}"
    return f"{schema['minimum']} or more" if "minimum" in keys else f"{schema['maximum']} or less"


def _shown(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 4] + " ..."
