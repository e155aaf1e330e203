"""Find the changes between two schemas, at the smallest place that explains each.

Objects, arrays and alternatives are compared part by part; the other keywords of a place are
decided by the sets of values (`value_changes`). Two conventions part from the sets, since an open
object accepts properties that it does not describe: clients send only described properties, and
read only described properties. So adding an optional property breaks neither, and removing one
breaks both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from conformance.contract_diff.compare_values import ValueChanges
from conformance.contract_diff.flat import Flat, Node, flatten
from conformance.contract_diff.schema_change import Direction, SchemaChange, by_relation
from conformance.contract_diff.value_relation import Comparison, bare, references

_ANY: tuple[Any, ...] = (True, {})


class SchemaWalk:
    """Compares schemas of two documents, both in keywords of JSON Schema 2020-12."""

    def __init__(
        self,
        documents: tuple[Mapping[str, Any], Mapping[str, Any]],
        sets: Comparison,
        direction: Direction,
    ) -> None:
        self._documents = documents
        self._sets = sets
        self._direction = direction
        self._values = ValueChanges(sets, direction)
        self._seen: set[tuple[str, str]] = set()

    def compare(self, old: Node, new: Node, at: str = "") -> Iterator[SchemaChange]:
        """Yield the changes; a pair of named schemas is compared once, so recursion ends."""
        before, after = flatten(self._documents[0], old), flatten(self._documents[1], new)
        if before.names and after.names:
            pair = (before.names[-1], after.names[-1])
            if pair in self._seen:
                return
            self._seen.add(pair)
        yield from self._values.annotations(before, after, at)
        if before.open or after.open or not (before.always and after.always):
            yield from self._as_one(before, after, at)
            return
        kinds = list(self._values.types(before, after, at))
        yield from kinds
        if any(change.kind == "type-changed" for change in kinds):
            return
        yield from self._values.values(before, after, at)
        yield from self._values.limits(before, after, at)
        if "object" in before.types and "object" in after.types:
            yield from self._object(before, after, at)
        if "array" in before.types and "array" in after.types:
            yield from self.compare(before.node("items"), after.node("items"), f"{at}[]")
        if "contentSchema" in before.keywords and "contentSchema" in after.keywords:
            inner = (before.node("contentSchema"), after.node("contentSchema"))
            yield from self.compare(*inner, f"{at}<json>")
        yield from self._alternatives(before, after, at)

    def _as_one(self, before: Flat, after: Flat, at: str) -> Iterator[SchemaChange]:
        """Report one change where a side accepts everything or nothing."""
        relation = self._sets.relate(before.schema, after.schema)
        if relation.same:
            return
        kind, message = "schema-changed", "The schema changed."
        if before.open:
            kind, message = "schema-set", "A schema is set where any value was accepted."
        elif after.open:
            kind, message = "schema-removed", "The schema is removed: any value is accepted."
        places = (before.route, after.route)
        yield by_relation(self._direction, kind, at, message, places, relation)

    def _object(self, before: Flat, after: Flat, at: str) -> Iterator[SchemaChange]:
        old, new = _travelling(before, self._direction), _travelling(after, self._direction)
        for name in sorted({*old, *new}):
            inner = f"{at}.{name}".lstrip(".")
            if name in old and name in new:
                yield from self.compare(old[name], new[name], inner)
                yield from self._requiredness(before, after, name, inner)
            elif name in new:
                yield from self._added(before, after, name, inner)
            else:
                yield from self._removed(before, after, name, inner)
        described = {*before.properties, *after.properties}
        for name in sorted((before.required ^ after.required) - described):
            yield from self._requiredness(before, after, name, f"{at}.{name}".lstrip("."))
        yield from self._additional(before, after, at)

    def _requiredness(
        self, before: Flat, after: Flat, name: str, at: str
    ) -> Iterator[SchemaChange]:
        required = name in after.required
        if (name in before.required) == required:
            return
        yield SchemaChange(
            "property-became-required" if required else "property-became-optional",
            at,
            f"`{name}` becomes {'required' if required else 'optional'}.",
            before.place("required"),
            after.place("required"),
            lost=required,
            gained=not required,
            example=f"a value without `{name}`",
        )

    def _added(self, before: Flat, after: Flat, name: str, at: str) -> Iterator[SchemaChange]:
        node, required = after.properties[name], name in after.required
        rest = before.keywords.get("additionalProperties", True)
        if rest not in _ANY and rest is not False:
            yield from self.compare(before.node("additionalProperties"), node, at)
            yield from self._requiredness(before, after, name, at)
            return
        request = self._direction is Direction.REQUEST
        yield SchemaChange(
            "required-property-added" if required else "property-added",
            at,
            f"`{name}` is added{' and required' if required else ''}.",
            None,
            after.place("required") if required and request else node.route,
            lost=required,
            gained=request or rest is False,
            example=f"a value {'without' if required and request else 'with'} `{name}`",
            exhaustive=not request,
        )

    def _removed(self, before: Flat, after: Flat, name: str, at: str) -> Iterator[SchemaChange]:
        node, rest = before.properties[name], after.keywords.get("additionalProperties", True)
        if rest not in _ANY and rest is not False:
            yield from self.compare(node, after.node("additionalProperties"), at)
            yield from self._requiredness(before, after, name, at)
            return
        request = self._direction is Direction.REQUEST
        yield SchemaChange(
            "property-removed",
            at,
            f"`{name}` is removed.",
            node.route,
            None,
            lost=request or rest is False,
            gained=not request or name in before.required,
            example=f"a value {'with' if request else 'without'} `{name}`",
        )

    def _additional(self, before: Flat, after: Flat, at: str) -> Iterator[SchemaChange]:
        old, new = before.node("additionalProperties"), after.node("additionalProperties")
        open_or_shut = [True if each.schema in _ANY else each.schema for each in (old, new)]
        if bare(open_or_shut[0]) == bare(open_or_shut[1]) and not references(old.schema):
            return
        example = "a value with a property that the schema does not describe"
        if open_or_shut[1] is False:
            yield SchemaChange(
                "additional-properties-forbidden",
                at,
                "Properties that the schema does not describe are forbidden.",
                old.route,
                new.route,
                lost=True,
                example=example,
            )
        elif open_or_shut[0] is False:
            yield SchemaChange(
                "additional-properties-allowed",
                at,
                "Properties that the schema does not describe are allowed.",
                old.route,
                new.route,
                gained=True,
                example=example,
                exhaustive=True,
            )
        else:
            yield from self.compare(old, new, f"{at}.*".lstrip("."))

    def _alternatives(self, before: Flat, after: Flat, at: str) -> Iterator[SchemaChange]:
        keys = [_choice(before), _choice(after)]
        if not any(keys):
            return
        wholes = [
            _typed(flat, {key: flat.keywords[key]} if key else {})
            for key, flat in zip(keys, (before, after), strict=True)
        ]
        explained = False
        if all(keys):
            pairs, gone, fresh = _matched(_branches(before, keys[0]), _branches(after, keys[1]))
            for first, second in pairs:
                yield from self.compare(first, second, f"{at}({_label(second.schema)})")
                explained |= not self._sets.relate(first.schema, second.schema).same
            known = all("discriminator" in each.keywords for each in (before, after))
            yield from self._listed_alternatives(gone, fresh, wholes, at, known=known)
            explained |= bool(gone or fresh)
        total = self._sets.relate(*wholes)
        if not total.same and not explained:
            places = (before.place(keys[0] or keys[1]), after.place(keys[1] or keys[0]))
            message = "The alternatives changed."
            kind = "alternatives-changed"
            yield by_relation(self._direction, kind, at, message, places, total)

    def _listed_alternatives(
        self,
        gone: list[Node],
        fresh: list[Node],
        wholes: list[dict[str, Any]],
        at: str,
        *,
        known: bool,
    ) -> Iterator[SchemaChange]:
        """Yield alternatives that are gone or new; `known` says that a discriminator names them."""
        types = {key: value for key, value in wholes[0].items() if key == "type"}
        for node in gone:
            relation = self._sets.relate({**types, "allOf": [node.schema]}, wholes[1])
            yield SchemaChange(
                "alternative-removed",
                at,
                f"The alternative {_label(node.schema)} is removed.",
                node.route,
                None,
                lost=relation.lost,
                example=relation.lost_example,
            )
        types = {key: value for key, value in wholes[1].items() if key == "type"}
        for node in fresh:
            relation = self._sets.relate(wholes[0], {**types, "allOf": [node.schema]})
            yield SchemaChange(
                "alternative-added",
                at,
                f"The alternative {_label(node.schema)} is added.",
                None,
                node.route,
                gained=relation.gained,
                example=relation.gained_example,
                exhaustive=known,
            )


def _branches(flat: Flat, key: str) -> list[Node]:
    return [flat.node(key).below(index) for index in range(len(flat.keywords[key]))]


def _typed(flat: Flat, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with the types that are allowed next to it, if any are named."""
    return {"type": list(flat.types), **schema} if "type" in flat.keywords else schema


def _choice(flat: Flat) -> str:
    return next((key for key in ("oneOf", "anyOf") if key in flat.keywords), "")


def _travelling(flat: Flat, direction: Direction) -> dict[str, Node]:
    """Return the properties that travel in the direction."""
    flag = "readOnly" if direction is Direction.REQUEST else "writeOnly"
    return {
        name: node
        for name, node in flat.properties.items()
        if not (isinstance(node.schema, dict) and node.schema.get(flag) is True)
    }


def _matched(
    old: list[Node], new: list[Node]
) -> tuple[list[tuple[Node, Node]], list[Node], list[Node]]:
    """Pair alternatives: the same reference, the same schema, the same kind, in this order."""
    pairs: list[tuple[Node, Node]] = []
    left, right = list(old), list(new)
    for sign in (_reference, _text, _kind):
        for first in list(left):
            mark = sign(first.schema)
            matches = [each for each in right if mark and sign(each.schema) == mark]
            if len(matches) == 1 or (matches and sign is not _kind):
                pairs.append((first, matches[0]))
                left.remove(first)
                right.remove(matches[0])
    return pairs, left, right


def _reference(schema: Any) -> str:
    return str(schema.get("$ref", "")) if isinstance(schema, dict) else ""


def _text(schema: Any) -> str:
    return json.dumps(bare(schema), sort_keys=True)


def _kind(schema: Any) -> str:
    """Return the mark that distinguishes an alternative: constants of properties, else its type."""
    if not isinstance(schema, dict) or "$ref" in schema:
        return ""
    constants = {
        name: each.get("const", each.get("enum"))
        for name, each in schema.get("properties", {}).items()
        if isinstance(each, dict) and ("const" in each or len(each.get("enum", ())) == 1)
    }
    return json.dumps(constants or schema.get("type", ""), sort_keys=True)


def _label(schema: Any) -> str:
    if not isinstance(schema, dict):
        return str(schema)
    if _reference(schema):
        return _reference(schema).rpartition("/")[2]
    kind = schema.get("title") or schema.get("type", "schema")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
