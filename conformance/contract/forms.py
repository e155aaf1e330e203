"""Compute the contract's other forms: OpenAPI 3.1.1 and 3.2.0, documented and full.

`openapi.yaml` is OpenAPI 3.0.3 and stays the source. A form is one view of it (*documented*: only
parts that gate; *full*: everything, with its evidence) in one version of OpenAPI. From 3.1 on
schemas are JSON Schema 2020-12: `nullable` becomes a `null` type, `example` a list, an exclusive
bound a number. In 3.2 a stream is described event by event: `itemSchema` replaces `schema`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from conformance.contract.contract import Contract
from conformance.contract.evidence import MARKS
from conformance.contract.pointer import Document
from conformance.contract.views import pruned, unshared

ITEM_SCHEMA = "x-item-schema"
CONTENT_SCHEMA = "x-content-schema"

_ONE = frozenset(
    [
        "additionalItems",
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    ]
)
_LISTED = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_NAMED = frozenset(("$defs", "definitions", "dependentSchemas", "patternProperties", "properties"))
_PAYLOADS = frozenset(("const", "default", "enum", "example", "examples", "value"))


class View(StrEnum):
    """The content of a form: only the parts that gate, or everything with its evidence."""

    DOCUMENTED = "documented"
    FULL = "full"


class Version(StrEnum):
    """The OpenAPI versions that the contract is available in."""

    V3_0 = "3.0"
    V3_1 = "3.1"
    V3_2 = "3.2"

    @property
    def exact(self) -> str:
        """Return the value of the document's `openapi` key."""
        return {"3.0": "3.0.3", "3.1": "3.1.1", "3.2": "3.2.0"}[self.value]


def form(contract: Contract, version: Version, view: View) -> Document:
    """Return the view of an OpenAPI 3.0 contract as a document of this version."""
    document = unshared(contract.full if view is View.FULL else contract.documented)
    if version is Version.V3_0:
        return document
    if version is Version.V3_2:
        document = _streams(document)
    document = map_schemas(document, modern_schema)
    document["openapi"] = version.exact
    return pruned(document)


def map_schemas(node: Any, convert: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return the document with every schema object converted, inner schemas first."""
    if isinstance(node, list):
        return [map_schemas(item, convert) for item in node]
    if not isinstance(node, dict):
        return node
    mapped: dict[str, Any] = {}
    for key, value in node.items():
        if key in _PAYLOADS or key == MARKS:
            mapped[key] = value
        elif key in ("schema", "itemSchema", ITEM_SCHEMA):
            mapped[key] = map_schema(value, convert)
        elif key == "schemas" and isinstance(value, dict):
            mapped[key] = {name: map_schema(each, convert) for name, each in value.items()}
        else:
            mapped[key] = map_schemas(value, convert)
    return mapped


def map_schema(schema: Any, convert: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return the schema converted, the schemas inside it first; booleans stay as they are."""
    if not isinstance(schema, dict):
        return schema
    mapped: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _ONE or key == CONTENT_SCHEMA:
            mapped[key] = (
                [map_schema(each, convert) for each in value]
                if isinstance(value, list)
                else map_schema(value, convert)
            )
        elif key in _LISTED and isinstance(value, list):
            mapped[key] = [map_schema(each, convert) for each in value]
        elif key in _NAMED and isinstance(value, dict):
            mapped[key] = {name: map_schema(each, convert) for name, each in value.items()}
        else:
            mapped[key] = value
    return convert(mapped)


def modern_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return one schema object of OpenAPI 3.0 in the keywords of JSON Schema 2020-12.

    Its inner schemas must have been converted before: marks are adapted to their keywords.
    """
    if "$ref" in schema:
        # OpenAPI 3.0 ignores keywords next to a reference; 2020-12 would apply them.
        return {"$ref": schema["$ref"]}
    schema = dict(schema)
    if schema.pop("nullable", False) is True and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if "example" in schema:
        schema["examples"] = [schema.pop("example")]
    for bound in ("Minimum", "Maximum"):
        exclusive, inclusive = f"exclusive{bound}", bound.lower()
        if schema.get(exclusive) is True and inclusive in schema:
            schema[exclusive] = schema.pop(inclusive)
        elif isinstance(schema.get(exclusive), bool):
            del schema[exclusive]
    if CONTENT_SCHEMA in schema:
        schema["contentMediaType"] = "application/json"
        schema["contentSchema"] = schema.pop(CONTENT_SCHEMA)
    if MARKS in schema:
        schema[MARKS] = [_modern_mark(mark, schema) for mark in schema[MARKS]]
    return schema


def _modern_mark(mark: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Point `nullable` at the place of `null` in the list of types that replaces it."""
    covers = []
    for cover in mark["covers"]:
        *above, last = cover.split(".")
        if last != "nullable":
            covers.append(cover)
        elif ".".join([*above, "type"]) not in mark["covers"] and _has_null(schema, above):
            covers.append(".".join([*above, "type", "1"]))
    return {**mark, "covers": covers}


def _has_null(node: Any, above: list[str]) -> bool:
    if not isinstance(node, dict):
        return False
    if not above:
        return isinstance(node.get("type"), list)
    key, rest = above[0], above[1:]
    return any(_has_null(each, rest) for name, each in node.items() if key in ("*", name))


def _streams(node: Any) -> Any:
    """Describe each media type that names its items by `itemSchema`."""
    if isinstance(node, list):
        return [_streams(item) for item in node]
    if not isinstance(node, dict):
        return node
    mapped = {key: _streams(value) for key, value in node.items()}
    if ITEM_SCHEMA in mapped:
        mapped.pop("schema", None)
        mapped["itemSchema"] = mapped.pop(ITEM_SCHEMA)
    return mapped


def file_name(version: Version, view: View) -> str:
    """Return the name of the file that holds a form."""
    return f"openapi-{version.value}-{view.value}.json"


def as_text(document: Document) -> str:
    """Return the document as JSON the way the files hold it."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def committed_forms() -> tuple[tuple[Version, View], ...]:
    """Return the forms that are kept as files; 3.0 in full is `openapi.yaml` itself."""
    return tuple(
        (version, view)
        for version in Version
        for view in View
        if (version, view) != (Version.V3_0, View.FULL)
    )


def write_forms(contract: Contract, directory: Path) -> list[Path]:
    """Write every committed form into the directory and return the files."""
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for version, view in committed_forms():
        file = directory / file_name(version, view)
        file.write_text(as_text(form(contract, version, view)), encoding="utf-8")
        files.append(file)
    return files
