"""Read the wire format from an OpenAPI document: its operations, with every reference followed and
every schema in keywords of JSON Schema 2020-12.

Routes lead through references from the document's root, so the evidence for a place is found by
them whichever component it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from conformance.contract.contract import Contract
from conformance.contract.forms import CONTENT_SCHEMA, ITEM_SCHEMA
from conformance.contract.pointer import Document, Path, as_pointer, look_up, resolve
from conformance.contract_diff.document import prepared
from conformance.contract_diff.flat import Node
from conformance.errors import ConfigurationError

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")


@dataclass(frozen=True, slots=True)
class Part:
    """An element of the document with its references followed, and where it stands."""

    value: Mapping[str, Any]
    route: Path

    def node(self, *keys: str) -> Node:
        """Return the schema below; an absent one accepts everything."""
        try:
            return Node(look_up(self.value, keys), (*self.route, *keys))
        except LookupError:
            return Node(True, (*self.route, *keys))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. Parameters are found by place and name, responses by status code, media types
    by their lower-case names, headers by theirs.
    """

    key: str
    part: Part
    parameters: Mapping[tuple[str, str], Part]
    body: Part | None
    responses: Mapping[str, Part]
    security: tuple[Path, tuple[Mapping[str, Any], ...]]
    path_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Surface:
    """A document's operations by method and path template, parameter names left out of it, and the
    paths of its servers' addresses with the place of each."""

    contract: Contract
    document: Document
    operations: Mapping[str, Operation]
    base_paths: Mapping[str, Path]

    @property
    def schemas(self) -> Mapping[str, Any]:
        """Return the named schemas."""
        found: Mapping[str, Any] = self.document.get("components", {}).get("schemas", {})
        return found

    def pointer(self, place: Path) -> str:
        """Return the JSON pointer of a place in the document as it is written."""
        if str(self.contract.full.get("openapi", "")).startswith("3.0"):
            place = tuple(CONTENT_SCHEMA if key == "contentSchema" else key for key in place)
        return as_pointer(place)


def read_surface(contract: Contract, name: str) -> Surface:
    """Return the surface of a contract. Raise ConfigurationError if it cannot be compared."""
    document = prepared(contract, name)
    try:
        found = {each.key: each for each in _operations(document)}
        base_paths = _base_paths(document)
    except (LookupError, TypeError, AttributeError) as fault:
        raise ConfigurationError(
            f"{name}: expected references to parts of the right kind, got {fault}.",
            "Validate the document first: openapi-spec-validator FILE",
        ) from None
    except ValueError as fault:
        raise ConfigurationError(
            f"{name}: expected URLs of servers, got one that cannot be parsed: {fault}.",
            "Correct /servers.",
        ) from None
    return Surface(contract, document, found, base_paths)


def _base_paths(document: Document) -> dict[str, Path]:
    servers = document.get("servers") or [{"url": "/"}]
    return {
        urlsplit(str(server.get("url", "/"))).path.rstrip("/"): ("servers", index, "url")
        for index, server in enumerate(servers)
    }


def content(part: Part | None) -> dict[str, Part]:
    """Return the media types of a body or a response."""
    if part is None:
        return {}
    return {
        media.lower(): Part(value or {}, (*part.route, "content", media))
        for media, value in part.value.get("content", {}).items()
    }


def headers(document: Document, part: Part) -> dict[str, tuple[str, Part]]:
    """Return the headers of a response by lower-case name, each with the name as written."""
    return {
        name.lower(): (name, Part(resolve(document, value), (*part.route, "headers", name)))
        for name, value in part.value.get("headers", {}).items()
    }


def item_schema(media: Part) -> Node | None:
    """Return the schema of one item of a stream, if the media type has one."""
    key = next((key for key in ("itemSchema", ITEM_SCHEMA) if key in media.value), None)
    return media.node(key) if key else None


def _operations(document: Document) -> Iterator[Operation]:
    for path, raw in document["paths"].items():
        item = resolve(document, raw)
        for method in _METHODS:
            if method in item:
                yield _operation(document, path, item, method)


def _operation(document: Document, path: str, item: Mapping[str, Any], method: str) -> Operation:
    value = item[method]
    route: Path = ("paths", path, method)
    names = tuple(re.findall(r"\{([^{}]*)\}", path))
    shared = _parameters(document, item, ("paths", path), names)
    own = _parameters(document, value, route, names)
    body = value.get("requestBody")
    secured: tuple[Path, Any] = (("security",), document.get("security", []))
    if "security" in value:
        secured = ((*route, "security"), value["security"])
    return Operation(
        key=f"{method.upper()} {re.sub(r'{[^{}]*}', '{}', path)}",
        part=Part(value, route),
        parameters={**shared, **own},
        body=Part(resolve(document, body), (*route, "requestBody")) if body else None,
        responses={
            str(code): Part(resolve(document, each), (*route, "responses", code))
            for code, each in value.get("responses", {}).items()
        },
        security=(secured[0], tuple(secured[1])),
        path_names=names,
    )


def _parameters(
    document: Document, holder: Mapping[str, Any], route: Path, names: tuple[str, ...]
) -> dict[tuple[str, str], Part]:
    found = {}
    for index, raw in enumerate(holder.get("parameters", [])):
        value = resolve(document, raw)
        where, name = value["in"], value["name"]
        if where == "header":
            name = name.lower()
        elif where == "path" and name in names:
            # On the wire only the position of a path parameter counts.
            name = str(names.index(name))
        found[where, name] = Part(value, (*route, "parameters", index))
    return found
