"""Find the changes at one place of a schema: types, listed values, limits, defaults.

The keywords of a place are decided together by the sets of values, and a difference is then
attributed to the keywords that make it, one family after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import jsonschema_rs

from conformance.contract.pointer import Path
from conformance.contract_diff.change import Audience, Impact
from conformance.contract_diff.flat import TYPES, Flat
from conformance.contract_diff.schema_change import Direction, SchemaChange, by_relation
from conformance.contract_diff.value_relation import Comparison, Relation, bare, references

STRUCTURE = ("required", "properties", "additionalProperties", "items", "anyOf", "oneOf")

_FAMILIES = (
    ("minimum", "exclusiveMinimum"),
    ("maximum", "exclusiveMaximum"),
    ("multipleOf",),
    ("minLength",),
    ("maxLength",),
    ("pattern",),
    ("format",),
    ("minItems",),
    ("maxItems",),
    ("uniqueItems",),
    ("contains", "minContains", "maxContains"),
    ("prefixItems",),
    ("unevaluatedItems",),
    ("minProperties",),
    ("maxProperties",),
    ("propertyNames",),
    ("patternProperties",),
    ("unevaluatedProperties",),
    ("dependentRequired",),
    ("dependentSchemas",),
    ("not",),
    ("if", "then", "else"),
    ("allOf",),
)
_ABSENT = object()
_MAX_LISTED = 12


class ValueChanges:
    """Compares two flattened schemas at their own place, without the schemas inside them."""

    def __init__(self, sets: Comparison, direction: Direction) -> None:
        self._sets = sets
        self._direction = direction

    def types(self, before: Flat, after: Flat, at: str) -> Iterator[SchemaChange]:
        """Yield changes of `type`; `null` is a change of its own."""
        old, new = set(before.types), set(after.types)
        if ("null" in old) != ("null" in new) and len(TYPES) not in (len(old), len(new)):
            allowed = "null" in new
            yield SchemaChange(
                "null-allowed" if allowed else "null-removed",
                at,
                "null becomes a value." if allowed else "null is no longer a value.",
                _null_place(before),
                _null_place(after),
                lost=not allowed,
                gained=allowed,
                example="null",
            )
            old, new = old - {"null"}, new - {"null"}
        relation = self._sets.relate({"type": sorted(old)}, {"type": sorted(new)})
        if relation.same:
            return
        apart = relation.lost and relation.gained
        kind = "type-changed" if apart else "type-narrowed" if relation.lost else "type-widened"
        message = f"The type changes from {_listed(old)} to {_listed(new)}."
        places = (before.place("type"), after.place("type"))
        yield by_relation(self._direction, kind, at, message, places, relation)

    def values(self, before: Flat, after: Flat, at: str) -> Iterator[SchemaChange]:
        """Yield changes of `enum` and `const`."""
        old, new = _values_of(before), _values_of(after)
        keys = ["const" if "const" in each.keywords else "enum" for each in (before, after)]
        places = (before.place(keys[0]), after.place(keys[1]))
        if old is not None and new is not None:
            yield from self._listed_values(old, new, at, places, before, after)
        elif old is not None or new is not None:
            kinds = {"type": list(before.types)}
            known = {**kinds, "enum": [json.loads(value) for value in old or new or []]}
            pair = (kinds, known) if old is None else (known, kinds)
            message = (
                f"Only these values are left: {_some(new or [])}."
                if old is None
                else "The list of values is removed: any value of the type is accepted."
            )
            kind = "enum-set" if old is None else "enum-removed"
            relation = self._sets.relate(*pair)
            change = by_relation(self._direction, kind, at, message, places, relation)
            yield replace(change, exhaustive=old is not None)

    def _listed_values(
        self,
        old: list[str],
        new: list[str],
        at: str,
        places: tuple[Path, Path],
        before: Flat,
        after: Flat,
    ) -> Iterator[SchemaChange]:
        # Where `null` comes or goes with the type, it is reported there.
        apart = ("null" in before.types) != ("null" in after.types)
        reported = {"null"} if apart else set()
        if added := [value for value in new if value not in {*old, *reported}]:
            yield SchemaChange(
                "enum-value-added",
                at,
                f"{_plural(added)} added: {_some(added)}.",
                *places,
                gained=True,
                example=added[0],
                exhaustive=True,
            )
        if removed := [value for value in old if value not in {*new, *reported}]:
            yield SchemaChange(
                "enum-value-removed",
                at,
                f"{_plural(removed)} removed: {_some(removed)}.",
                *places,
                lost=True,
                example=removed[0],
            )

    def limits(self, before: Flat, after: Flat, at: str) -> Iterator[SchemaChange]:
        """Yield changes of bounds, lengths, patterns, formats and the like."""
        kinds = [kind for kind in before.types if kind in after.types] or list(after.types)
        start, end = (_local(each) | {"type": kinds} for each in (before, after))
        refers = any(references(each) for each in (start, end))
        if bare(start) == bare(end) and not refers:
            return
        total = self._sets.relate(start, end)
        if total.same:
            return
        if refers:
            places = (before.route, after.route)
            message = "The values that are accepted here changed."
            yield by_relation(self._direction, "schema-changed", at, message, places, total)
            return
        for family in _FAMILIES:
            old, new = (
                {k: f.keywords[k] for k in family if k in f.keywords} for f in (before, after)
            )
            if bare(old) == bare(new):
                continue
            rest = {key: value for key, value in start.items() if key not in family}
            relation = _within(total, self._sets.relate(start, rest | new))
            start = rest | new
            if not relation.same:
                key = next(iter({**new, **old}))
                kind = f"{_slug(key)}-{'set' if not old else 'changed' if new else 'removed'}"
                places = (before.place(next(iter(old), key)), after.place(next(iter(new), key)))
                message = f"{_said(old)} becomes {_said(new)}."
                yield by_relation(self._direction, kind, at, message, places, relation)

    def annotations(self, before: Flat, after: Flat, at: str) -> Iterator[SchemaChange]:
        """Yield changes of `default`, `deprecated` and `discriminator`."""
        old, new = (each.keywords.get("default", _ABSENT) for each in (before, after))
        if old != new or type(old) is not type(new):
            places = (before.place("default"), after.place("default"))
            yield self._default(old, new, at, places)
        flags = [bool(each.keywords.get("deprecated")) for each in (before, after)]
        if flags[0] != flags[1]:
            kind = "deprecated" if flags[1] else "undeprecated"
            message = f"It is {'now' if flags[1] else 'no longer'} deprecated."
            places = (before.place("deprecated"), after.place("deprecated"))
            yield SchemaChange(kind, at, message, *places)
        choices = [each.keywords.get("discriminator") or {} for each in (before, after)]
        if choices[0] != choices[1]:
            places = (before.place("discriminator"), after.place("discriminator"))
            yield from _discriminator(choices[0], choices[1], at, places)

    def _default(self, old: Any, new: Any, at: str, places: tuple[Path, Path]) -> SchemaChange:
        said = ["none" if each is _ABSENT else json.dumps(each) for each in (old, new)]
        message = f"The default changes from {said[0]} to {said[1]}."
        kind = "set" if old is _ABSENT else "removed" if new is _ABSENT else "changed"
        fixed: dict[Audience, Impact] = {}
        if self._direction is Direction.REQUEST:
            # A request that leaves the value out means something else than before.
            fixed[Audience.BACKEND] = Impact.BREAKING
            if kind != "set":
                fixed[Audience.SENDER] = Impact.BREAKING
        return SchemaChange(f"default-{kind}", at, message, *places, fixed=fixed)


def _discriminator(
    old: Mapping[str, Any], new: Mapping[str, Any], at: str, places: tuple[Path, Path]
) -> Iterator[SchemaChange]:
    if old.get("propertyName") != new.get("propertyName"):
        said = [each.get("propertyName", "none") for each in (old, new)]
        message = f"The discriminator changes from `{said[0]}` to `{said[1]}`."
        breaking = dict.fromkeys(Audience, Impact.BREAKING)
        yield SchemaChange("discriminator-changed", at, message, *places, fixed=breaking)
        return
    before, after = old.get("mapping", {}), new.get("mapping", {})
    if gone := sorted(key for key in before if after.get(key) != before[key]):
        message = f"Discriminator values no longer mapped as before: {', '.join(gone)}."
        breaking = dict.fromkeys(Audience, Impact.BREAKING)
        yield SchemaChange("discriminator-value-removed", at, message, *places, fixed=breaking)
    if fresh := sorted(key for key in after if key not in before):
        message = f"Discriminator values added: {', '.join(fresh)}."
        yield SchemaChange(
            "discriminator-value-added", at, message, *places, gained=True, exhaustive=True
        )


def _within(total: Relation, step: Relation) -> Relation:
    """Return the step's relation, limited to the relation of the complete change."""
    return replace(
        step,
        lost=False if total.lost is False else step.lost,
        gained=False if total.gained is False else step.gained,
    )


def _local(flat: Flat) -> dict[str, Any]:
    """Return the keywords that are decided at this place alone."""
    skipped = {*STRUCTURE, "type", "enum", "const"}
    return {key: value for key, value in flat.keywords.items() if key not in skipped}


def _values_of(flat: Flat) -> list[str] | None:
    """Return the listed values that the type admits, as JSON."""
    values = [flat.keywords["const"]] if "const" in flat.keywords else flat.keywords.get("enum")
    if values is None:
        return None
    kinds = jsonschema_rs.Draft202012Validator({"type": list(flat.types)})
    return [json.dumps(value, sort_keys=True) for value in values if kinds.is_valid(value)]


def _null_place(flat: Flat) -> Path:
    """Return where `null` is allowed; OpenAPI 3.0 says so by `nullable`, absent or not."""
    place, kinds = flat.place("type"), flat.keywords.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        return (*place, kinds.index("null"))
    return (*place[:-1], "nullable")


def _slug(key: str) -> str:
    key = {"allOf": "all-of", "if": "condition"}.get(key, key)
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in key)


def _said(keywords: Mapping[str, Any]) -> str:
    parts = [f"{key} {json.dumps(value, ensure_ascii=False)}" for key, value in keywords.items()]
    text = ", ".join(parts) or "no limit"
    return text if len(text) <= 100 else text[:96] + " ..."


def _listed(kinds: set[str]) -> str:
    return "any" if len(kinds) >= len(TYPES) - 1 else " or ".join(sorted(kinds)) or "none"


def _some(values: list[str]) -> str:
    more = f" and {len(values) - _MAX_LISTED} more" if len(values) > _MAX_LISTED else ""
    return ", ".join(values[:_MAX_LISTED]) + more


def _plural(values: list[str]) -> str:
    return "Value" if len(values) == 1 else "Values"
