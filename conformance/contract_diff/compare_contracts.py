"""Compare two contracts: every operation, and the evidence for the parts that both have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from conformance.contract.contract import Contract
from conformance.contract.pointer import Path, as_pointer, look_up
from conformance.contract_diff.change import Audience, Change, Effect
from conformance.contract_diff.compare_operations import OperationComparison
from conformance.contract_diff.compare_security import compare_security
from conformance.contract_diff.elements import BACKEND, NONE, RECEIVER, SENDER, Scribe
from conformance.contract_diff.surface import Surface, read_surface
from conformance.vocabulary import Level


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes from an old to a new contract, the worst first, and the two versions."""

    changes: tuple[Change, ...]
    versions: tuple[str, str]
    names: tuple[str, str]


def compare(
    old: Contract, new: Contract, names: tuple[str, str] = ("the old contract", "the new contract")
) -> Difference:
    """Return the changes. A ConfigurationError says which document cannot be compared, and why."""
    before, after = read_surface(old, names[0]), read_surface(new, names[1])
    found = [*_servers(before, after), *_operations(before, after), *_evidence(before, after)]
    merged = _merged(found, before, after)
    versions = [str(each.full.get("info", {}).get("version", "")) for each in (old, new)]
    return Difference(
        tuple(sorted(merged, key=lambda each: (each.impact.rank, each.rule, each.where))),
        (versions[0], versions[1]),
        names,
    )


def _operations(old: Surface, new: Surface) -> Iterator[Change]:
    comparison = OperationComparison(old, new)
    for key in sorted({*old.operations, *new.operations}):
        before, after = old.operations.get(key), new.operations.get(key)
        scribe = Scribe(old, new, _named(after or before))
        if before and after:
            yield from comparison.compare(before, after, scribe)
            yield from compare_security(scribe, before, after)
        elif after:
            message, route = f"{_named(after)} is added.", after.part.route
            yield scribe.change("operation-added", "operation", message, (None, route), BACKEND)
        elif before:
            sunset = before.part.value.get("deprecated")
            message = f"{_named(before)} is removed{', deprecated before' if sunset else ''}."
            route, breaking = before.part.route, {**SENDER, **RECEIVER}
            yield scribe.change("operation-removed", "operation", message, (route, None), breaking)


def _named(operation: Any) -> str:
    """Return method and path as the document has them."""
    _, path, method = operation.part.route
    return f"{str(method).upper()} {path}"


def _servers(old: Surface, new: Surface) -> Iterator[Change]:
    scribe = Scribe(old, new, "every operation")
    for path, place in old.base_paths.items():
        if path not in new.base_paths:
            message = f"No server has the base path {path or '/'} any more."
            yield scribe.change(
                "base-path-removed", "servers", message, (place, ("servers",)), SENDER
            )
    for path, place in new.base_paths.items():
        if path not in old.base_paths:
            message = f"A server has the base path {path or '/'}."
            yield scribe.change("base-path-added", "servers", message, (None, place), BACKEND)


def _evidence(old: Surface, new: Surface) -> Iterator[Change]:
    """Yield places whose evidence changed: a deviation may now be a violation, or the reverse.

    Without any marks a document says nothing of its evidence, so nothing can have changed.
    """
    if not (old.contract.marks and new.contract.marks):
        return
    scribe = Scribe(old, new, "")
    covered = [_covered(each) for each in (old, new)]
    for key in sorted({*covered[0], *covered[1]}, key=as_pointer):
        places = [_existing(each, key) for each in (old, new)]
        if places[0] is None or places[1] is None:
            continue
        before, after = (_level(each, key) for each in covered)
        if before is after:
            continue
        stronger = list(Level).index(after) < list(Level).index(before)
        change = scribe.change(
            f"evidence-{'strengthened' if stronger else 'weakened'}",
            "evidence",
            f"The evidence changes from {before.value} to {after.value}.",
            (places[0], places[1]),
            BACKEND if after.gates and not before.gates else NONE,
        )
        effects = tuple((each, Effect(effect.impact, after)) for each, effect in change.effects)
        yield replace(change, operations=(), effects=effects)


def _covered(surface: Surface) -> dict[Path, Level]:
    """Return the places that marks cover with their levels; `null` is found under `nullable`."""
    levels: dict[Path, Level] = {}
    for mark in surface.contract.marks:
        for place in mark.covers:
            key = (*place[:-2], "nullable") if place[-2:-1] == ("type",) else place
            levels[key] = max(levels.get(key, mark.level), mark.level, key=list(Level).index)
    return levels


def _level(covered: dict[Path, Level], key: Path) -> Level:
    """Return the level of a place; `null` may be covered with the whole `type`."""
    kinds = (*key[:-1], "type") if key[-1:] == ("nullable",) else key
    return covered.get(key, covered.get(kinds, Level.DOCUMENTED))


def _existing(surface: Surface, key: Path) -> Path | None:
    """Return the place in the document, or None where it says nothing there."""
    document = surface.contract.full
    try:
        if key[-1:] == ("nullable",):
            kinds = look_up(document, (*key[:-1], "type"))
            if isinstance(kinds, list):
                return (*key[:-1], "type", kinds.index("null"))
        look_up(document, key)
    except (LookupError, ValueError):
        return None
    return key


def _merged(changes: Iterable[Change], old: Surface, new: Surface) -> list[Change]:
    """Return each change that several operations share once, with all of them.

    A change of a component is as well founded as its best founded use; where each operation says
    the same for itself, only equal evidence is merged.
    """
    found: dict[tuple[str, ...], Change] = {}
    for change in changes:
        places = (_place(old, change.before), _place(new, change.after))
        own = any(place.startswith("/paths/") for place in places)
        levels = [f"{audience} {effect.level}" for audience, effect in change.effects if own]
        key = (change.rule, change.message, *map(_within_operation, places), *levels)
        if key in found:
            known = found[key]
            operations = tuple(dict.fromkeys([*known.operations, *change.operations]))
            effects = _stronger(known, change)
            found[key] = replace(known, operations=operations, effects=effects)
        else:
            found[key] = replace(change, before=places[0], after=places[1])
    return list(found.values())


def _stronger(first: Change, second: Change) -> tuple[tuple[Audience, Effect], ...]:
    """Return the effects of both: the worse impact, and of equal ones the better founded."""
    order = list(Level)
    effects = dict(first.effects)
    for audience, effect in second.effects:
        pair = (effects.get(audience, effect), effect)
        effects[audience] = min(pair, key=lambda each: (each.impact.rank, order.index(each.level)))
    return tuple((each, effects[each]) for each in Audience if each in effects)


def _within_operation(pointer: str) -> str:
    """Return the place without the operation that it is in: the same in many is one change."""
    parts = pointer.split("/", 4)
    return parts[4] if parts[1:2] == ["paths"] and len(parts) > 4 else pointer


def _place(surface: Surface, pointer: str) -> str:
    """Return where the place itself stands, references followed; a lost one as it was."""
    if not pointer:
        return ""
    try:
        return surface.contract.place_of(pointer)
    except LookupError:
        return pointer
