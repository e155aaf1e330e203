"""Remove the parts of weaker evidence from the contract.

Where a mark is too weak the contract makes no statement, which permits anything. Removing a keyword
must therefore never tighten the rest: null becomes allowed, alternatives stay, a credential
becomes optional.
"""

import json
from collections.abc import Iterable
from typing import Any, cast

from conformance.contract.evidence import MARKS, Mark
from conformance.contract.pointer import (
    Document,
    Path,
    as_pointer,
    look_up,
    references,
    resolve,
    target,
)

GONE = object()
_MAPS = {"content", "headers", "parameters", "properties"}
_ALTERNATIVES = ("anyOf", "oneOf")


def documented(document: Document, marks: Iterable[Mark]) -> Document:
    """Return the part that is documented or derived; weaker parts are left open."""
    view = unshared(document)
    weak = [mark for mark in marks if not mark.level.gates]
    for place in deepest_first(weak):
        if not stand_in(view, place) and not _relax(view, place):
            look_up(view, place[:-1])[place[-1]] = GONE
    view = tidied(view)
    for place in deepest_first(weak):
        if place[-1] == "nullable":
            _allow_null(view, place[:-1])
    return tidied(view)


def unshared(document: Document) -> Document:
    """Return a copy in which no two places are one object, as YAML's aliases make them.

    Raise TypeError for a value that JSON cannot represent.
    """
    return cast(Document, json.loads(json.dumps(document)))


def only_success(responses: Any, code: str | int) -> bool:
    """Whether the code is the only one for success among the responses."""
    left = [key for key, value in responses.items() if value is not GONE]
    return [key for key in left if key.startswith("2")] == [code]


def deepest_first(marks: Iterable[Mark]) -> list[Path]:
    places = {place for mark in marks for place in mark.covers}
    return sorted(places, key=lambda place: (-len(place), as_pointer(place)))


def stand_in(view: Document, place: Path) -> bool:
    """Whether OpenAPI needs a word there: if so, the one nearest to silence is put in."""
    parent, key = look_up(view, place[:-1]), place[-1]
    if key == "schema":
        parent[key] = {}
    elif key == "scheme":
        del parent[key]
        parent |= {"type": "apiKey", "in": "header", "name": "authorization"}
    elif place[-2:-1] == ("responses",) and only_success(parent, key):
        parent["2XX"] = parent.pop(key)
    else:
        return False
    return True


def _relax(view: Document, place: Path) -> bool:
    """Keep or widen the value if its removal would tighten the contract; return whether so."""
    parent, key = look_up(view, place[:-1]), place[-1]
    if key == "security":
        parent[key] = [*(each for each in parent[key] if each), {}]
    elif place[-2:-1] == ("content",):
        parent[key] = {}
    else:
        return key == "nullable" or (len(place) > 1 and place[-2] in _ALTERNATIVES)
    return True


def _allow_null(view: Document, place: Path) -> None:
    """OpenAPI 3.0 reads no keyword next to a reference, so a referenced schema is put in place; and
    `nullable` no further than `type`."""
    try:
        schema = unshared(resolve(view, look_up(view, place)))
    except LookupError:
        return
    if "type" in schema:
        schema["nullable"] = True
    if None not in schema.get("enum", [None]):
        schema["enum"].append(None)
    for alternatives in _ALTERNATIVES:
        if alternatives in schema:
            schema[alternatives].append({"enum": [None]})
    look_up(view, place[:-1])[place[-1]] = schema


def tidied(view: Document) -> Document:
    """Return the view without removed parts, references to them, and parts no longer used."""
    while (swept := _swept(view, view)) != view:
        view = swept
    return pruned(view)


def _swept(node: Any, view: Document) -> Any:
    if isinstance(node, list):
        return [item for item in (_swept(item, view) for item in node) if item is not GONE]
    if not isinstance(node, dict):
        return node
    if "$ref" in node and not _leads_somewhere(node["$ref"], view):
        return {} if node["$ref"].startswith("#/components/schemas/") else GONE
    kept = {key: _swept(value, view) for key, value in node.items() if key != MARKS}
    return {
        key: value
        for key, value in kept.items()
        if value is not GONE and not (key in _MAPS and node[key] and not value)
    }


def _leads_somewhere(reference: str, view: Document) -> bool:
    try:
        return look_up(view, target(reference)) is not GONE
    except LookupError:
        return False


def pruned(view: Document) -> Document:
    """Without components that nothing refers to. Credentials are referred to by name: they stay."""
    used: set[Path] = set()
    ahead = list(references(view["paths"]))
    while ahead:
        path = target(ahead.pop())
        if path not in used:
            used.add(path)
            ahead += references(look_up(view, path))
    components = {
        kind: {
            name: component
            for name, component in named.items()
            if kind == "securitySchemes" or ("components", kind, name) in used
        }
        for kind, named in view.get("components", {}).items()
    }
    return view | {"components": {kind: named for kind, named in components.items() if named}}
