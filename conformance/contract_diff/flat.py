"""Flatten one schema: references followed, `allOf` merged, `null` alternatives made a type.

The result has the keywords of one object, each with the place that it comes from, so that the two
sides of a comparison can be read keyword by keyword however they are written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.contract.pointer import Path, look_up, target

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


@dataclass(frozen=True, slots=True)
class Node:
    """A schema and the path by which a document leads to it, through references."""

    schema: Any
    route: Path

    def below(self, *keys: str | int) -> Node:
        """Return the node that the keys lead to."""
        return Node(look_up(self.schema, keys), (*self.route, *keys))


@dataclass(frozen=True, slots=True)
class Flat:
    """The keywords of a schema and where each stands; `names` are the components passed through.

    `properties` are nodes of their own. `always` is false for the schema that accepts nothing.
    """

    keywords: Mapping[str, Any]
    routes: Mapping[str, Path]
    properties: Mapping[str, Node]
    route: Path
    names: tuple[str, ...] = ()
    always: bool = True

    @property
    def types(self) -> tuple[str, ...]:
        """Return the JSON types that `type` allows, all of them where it is absent."""
        kinds = self.keywords.get("type", TYPES)
        return (kinds,) if isinstance(kinds, str) else tuple(kinds)

    @property
    def open(self) -> bool:
        """Return whether every value is accepted."""
        return self.always and not self.keywords and not self.properties

    @property
    def required(self) -> frozenset[str]:
        """Return the names of the properties that must be present."""
        return frozenset(self.keywords.get("required", ()))

    @property
    def schema(self) -> Any:
        """Return the flattened schema as JSON Schema."""
        if not self.always:
            return False
        properties = {name: node.schema for name, node in self.properties.items()}
        return {**self.keywords, **({"properties": properties} if properties else {})}

    def place(self, keyword: str) -> Path:
        """Return where the keyword stands, or would stand."""
        return self.routes.get(keyword, (*self.route, keyword))

    def node(self, keyword: str) -> Node:
        """Return the schema under the keyword; an absent one accepts everything."""
        return Node(self.keywords.get(keyword, True), self.place(keyword))


@dataclass(slots=True)
class _Parts:
    keywords: dict[str, Any] = field(default_factory=dict)
    routes: dict[str, Path] = field(default_factory=dict)
    properties: dict[str, Node] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


def flatten(document: Mapping[str, Any], node: Node) -> Flat:
    """Return the flattened schema of the node; the document is in keywords of 2020-12."""
    if node.schema is False:
        return Flat({}, {}, {}, node.route, always=False)
    parts = _Parts()
    _take(document, node, parts, depth=0)
    flat = Flat(parts.keywords, parts.routes, parts.properties, node.route, tuple(parts.names))
    return _without_null_alternative(document, flat)


def _take(document: Mapping[str, Any], node: Node, parts: _Parts, depth: int) -> None:
    """Add the node's keywords to the parts; keywords that cannot be merged stay under `allOf`."""
    if not isinstance(node.schema, dict):
        return
    if "$ref" in node.schema and depth < 32:
        reference = node.schema["$ref"]
        parts.names.append(reference)
        try:
            found = look_up(document, target(reference))
        except LookupError:
            parts.keywords["$ref"] = reference
            return
        _take(document, Node(found, node.route), parts, depth + 1)
    for key, value in node.schema.items():
        if key in ("$ref", "allOf"):
            continue
        if key == "properties":
            for name, schema in value.items():
                place = Node(schema, (*node.route, "properties", name))
                known = parts.properties.get(name)
                parts.properties[name] = place if known is None else _both(known, place)
        elif key == "required":
            parts.keywords[key] = sorted({*parts.keywords.get(key, ()), *value})
            parts.routes.setdefault(key, (*node.route, key))
        elif key in parts.keywords and parts.keywords[key] != value:
            parts.keywords.setdefault("allOf", []).append({key: value})
        else:
            parts.keywords[key] = value
            parts.routes[key] = (*node.route, key)
    for index, branch in enumerate(node.schema.get("allOf", ())):
        _take(document, Node(branch, (*node.route, "allOf", index)), parts, depth + 1)


def _both(first: Node, second: Node) -> Node:
    return Node({"allOf": [first.schema, second.schema]}, first.route)


def _without_null_alternative(document: Mapping[str, Any], flat: Flat) -> Flat:
    """Read a choice between a schema and `null` as that schema with a `null` type."""
    for key in ("anyOf", "oneOf"):
        branches = flat.keywords.get(key)
        if not isinstance(branches, list) or len(branches) != 2 or "type" in flat.keywords:
            continue
        nulls = [each in ({"type": "null"}, {"enum": [None]}, {"const": None}) for each in branches]
        if sorted(nulls) != [False, True]:
            continue
        index = nulls.index(False)
        inner = flatten(document, Node(branches[index], (*flat.place(key), index)))
        if "type" not in inner.keywords or "null" in inner.types:
            continue
        keywords: dict[str, Any] = {k: v for k, v in flat.keywords.items() if k != key}
        keywords |= dict(inner.keywords) | {"type": [*inner.types, "null"]}
        if "enum" in keywords and None not in keywords["enum"]:
            keywords["enum"] = [*keywords["enum"], None]
        return replace(
            flat,
            keywords=keywords,
            routes={**flat.routes, **inner.routes},
            properties={**flat.properties, **inner.properties},
            names=(*flat.names, *inner.names),
        )
    return flat
