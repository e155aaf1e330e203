"""Trace a place of the contract to the line of the reference that says it.

`fixtures/reference.yaml` transcribes the reference page. An index of it leads from an operation's
parameter, request field or response field to its line there; components are found by the
operations that use them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as File
from typing import Any

import yaml

from conformance.contract.contract import Contract
from conformance.contract.evidence import Mark
from conformance.contract.pointer import Path, as_pointer, look_up, resolve, target
from conformance.resources import reference_file
from conformance.vocabulary import Level

_METHODS = ("get", "post")
_SUCCESS, _INVALID = "success", "validation error"

Use = tuple[str, tuple[str, ...]]
"""An operation as METHOD path, and where in it: the kind of element, then names."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A statement of the reference: its section, its text, and the line of the transcription."""

    section: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """The sources of a place of the contract: facts of the reference, marks, the level."""

    pointer: str
    place: str
    level: Level
    facts: tuple[Fact, ...]
    marks: tuple[Mark, ...]
    operations: tuple[str, ...]


class Tracer:
    """Finds the provenance of places in one contract."""

    def __init__(self, contract: Contract, file: File | None = None) -> None:
        self._contract = contract
        text = (file or reference_file()).read_text(encoding="utf-8")
        self._lines = text.splitlines()
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._root: Any = yaml.compose(text, Loader=loader)

    def trace(self, pointer: str) -> Provenance:
        """Return the provenance of the place. Raise LookupError where the pointer leads nowhere."""
        place = target(self._contract.place_of(pointer))
        look_up(self._contract.full, place[:-1])
        with suppress(LookupError):
            place = self._place(place)
        uses = self._uses_of(place, target(pointer))
        facts = dict.fromkeys(fact for use in uses for fact in self._facts(use))
        return Provenance(
            pointer,
            as_pointer(place),
            self._contract.level_of(pointer),
            tuple(facts),
            self._contract.marks_for(pointer),
            tuple(dict.fromkeys(operation for operation, _ in uses)),
        )

    def _uses_of(self, place: Path, pointer: Path) -> list[Use]:
        for length in range(len(place), 0, -1):
            uses = self._uses.get(place[:length], [])
            if pointer[:1] == ("paths",) and len(pointer) > 2:
                method, path = str(pointer[2]), pointer[1]
                own = [
                    f"{each.upper()} {path}" for each in _METHODS if method in (each, "parameters")
                ]
                uses = [use for use in uses if use[0] in own]
            if uses:
                return uses
        return []

    @cached_property
    def _uses(self) -> dict[Path, list[Use]]:
        found: dict[Path, list[Use]] = {}
        for path, item in self._contract.full["paths"].items():
            for method in _METHODS:
                if method in item:
                    for place, names in self._elements(path, item, method):
                        found.setdefault(place, []).append((f"{method.upper()} {path}", names))
        return found

    def _elements(
        self, path: str, item: dict[str, Any], method: str
    ) -> Iterator[tuple[Path, tuple[str, ...]]]:
        document, operation = self._contract.full, item[method]
        route: Path = ("paths", path, method)
        yield route, ("operation",)
        for holder, above in ((item, route[:2]), (operation, route)):
            for index, raw in enumerate(holder.get("parameters", [])):
                parameter = resolve(document, raw)
                names = ("parameter", parameter["in"], parameter["name"])
                yield self._place((*above, "parameters", index)), names
        if "requestBody" in operation:
            schema = (*route, "requestBody", "content", "application/json", "schema")
            yield from self._fields(schema, ("request",), ())
        for name in document.get("components", {}).get("securitySchemes", {}):
            yield ("components", "securitySchemes", name), ("credential", name)
        yield ("security",), ("credential",)
        for code in operation.get("responses", {}):
            means = _SUCCESS if str(code).startswith("2") else _INVALID if code == "422" else ""
            yield from self._response((*route, "responses", code), means)

    def _response(self, route: Path, means: str) -> Iterator[tuple[Path, tuple[str, ...]]]:
        response = resolve(self._contract.full, look_up(self._contract.full, route))
        schema = (*self._place(route), "content", "application/json", "schema")
        if means and "application/json" in response.get("content", {}):
            yield schema[:-1], ("response", means)
            yield from self._fields(schema, ("response", means), ())

    def _fields(
        self, route: Path, names: tuple[str, ...], seen: tuple[Path, ...]
    ) -> Iterator[tuple[Path, tuple[str, ...]]]:
        place = self._place(route)
        if place in seen:
            return
        yield place, names
        schema = look_up(self._contract.full, place)
        for name in schema.get("properties", {}):
            yield (*place, "properties", name), (*names, name)
            yield from self._fields((*place, "properties", name), (*names, name), (*seen, place))
        if "items" in schema:
            yield from self._fields((*place, "items"), names, (*seen, place))

    def _place(self, route: Path) -> Path:
        """Return the place itself, a reference there followed."""
        node = look_up(self._contract.full, route)
        while isinstance(node, dict) and "$ref" in node:
            route = target(node["$ref"])
            node = look_up(self._contract.full, route)
        return route

    def _facts(self, use: Use) -> Iterator[Fact]:
        operation, (kind, *names) = use
        for entry in _items(_get(self._root, "operations")):
            if operation != f"{_value(entry, 'method')} {_value(entry, 'path')}":
                continue
            if kind == "operation":
                yield self._fact(entry, f"{operation}: {_value(entry, 'title')}")
            elif kind == "parameter":
                yield from self._listed(entry, "parameters", names)
            elif kind == "credential":
                yield from self._credentials(entry, names)
            elif kind == "request":
                yield from self._listed(_get(entry, "request"), "fields", ["", *names])
            elif kind == "response":
                yield from self._samples(entry, names)

    def _listed(self, entry: Any, key: str, names: list[str]) -> Iterator[Fact]:
        """Yield the parameter or field of this name; all of them where none is named."""
        where, name = (*names, "", "")[:2]
        for item in _items(_get(entry, key)):
            if name and _value(item, "name") != name:
                continue
            if where and _value(item, "in") != where:
                continue
            yield self._fact(item, _described(item))

    def _credentials(self, entry: Any, names: list[str]) -> Iterator[Fact]:
        schemes = self._contract.full["components"]["securitySchemes"]
        wanted = [schemes[name].get("name", "authorization") for name in names]
        for item in _items(_get(entry, "credentials")):
            if not wanted or _value(item, "name") in wanted:
                yield self._fact(item, _described(item))

    def _samples(self, entry: Any, names: list[str]) -> Iterator[Fact]:
        means, *keys = names
        for response in _items(_get(entry, "responses")):
            if _value(response, "means") != means:
                continue
            node, line = _get(response, "sample"), _line(response)
            for key in keys:
                while isinstance(node, yaml.SequenceNode) and node.value:
                    node = node.value[0]
                found = _pair(node, key)
                if found is None:
                    return
                line, node = found[0].start_mark.line, found[1]
            text = self._lines[line].strip().rstrip(",") if keys else f"sample of {means}"
            yield Fact(_value(response, "section"), text, line + 1)

    @staticmethod
    def _fact(entry: Any, text: str) -> Fact:
        return Fact(_value(entry, "section"), text, _line(entry) + 1)


def _described(item: Any) -> str:
    """Return a parameter or field as the reference page shows it."""
    mark = "?" if _value(item, "presence") == "optional" else "*"
    kind = "|" if _value(item, "type") == "union" else _value(item, "type")
    parts = [f"{_value(item, 'name')}{mark} {kind}"]
    for key in ("format", "default", "range"):
        if value := _value(item, key):
            parts.append(f"{key} {value}")
    if values := [each.value for each in _items(_get(item, "values"))]:
        parts.append(" | ".join(values))
    return ", ".join(parts)


def _pair(node: Any, key: str) -> tuple[Any, Any] | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((pair for pair in pairs if pair[0].value == key), None)


def _get(node: Any, key: str) -> Any:
    pair = _pair(node, key)
    return pair[1] if pair else None


def _value(node: Any, key: str) -> str:
    found = _get(node, key)
    return str(found.value) if isinstance(found, yaml.ScalarNode) else ""


def _items(node: Any) -> list[Any]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _line(node: Any) -> int:
    return int(node.start_mark.line)
