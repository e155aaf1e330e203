"""Prepare an OpenAPI document for a comparison: check its structure, and write its schemas in the
keywords of JSON Schema 2020-12."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema_rs

from conformance.contract.contract import Contract
from conformance.contract.forms import map_schemas, modern_schema
from conformance.contract.pointer import Document, as_pointer, references, resolve
from conformance.errors import ConfigurationError

_HINT = "Validate the document first: openapi-spec-validator FILE"
_MAX_SHOWN = 160


def prepared(contract: Contract, name: str) -> Document:
    """Return the document. Raise ConfigurationError, which names the file and the place.

    Rejected are other versions of OpenAPI, an invalid structure, and references that lead nowhere
    or out of the file.
    """
    version = str(contract.full.get("openapi", ""))
    if not re.fullmatch(r"3\.[012](\.\d+.*)?", version):
        raise ConfigurationError(
            f"{name}: expected OpenAPI 3.0, 3.1 or 3.2, got {version or 'none'!r}.",
            "Convert the document first.",
        )
    try:
        document: Document = contract.full
        if version.startswith("3.0"):
            document = map_schemas(document, modern_schema)
        place, problem = next(_problems(document), ("", ""))
    except (AttributeError, TypeError, ValueError) as fault:
        place, problem = "", str(fault)
    if problem:
        raise ConfigurationError(
            f"{name}#{place}: expected a valid OpenAPI document, got {problem[:_MAX_SHOWN]}.", _HINT
        )
    for reference in references(document):
        if not reference.startswith("#/"):
            raise ConfigurationError(
                f"{name}: expected references within the document, got {reference!r}.",
                "Bundle the document into one file first.",
            )
        try:
            resolve(document, {"$ref": reference})
        except LookupError:
            raise ConfigurationError(
                f"{name}: expected references to parts of the document, got {reference!r}.", _HINT
            ) from None
    return document


def _problems(document: Document) -> Iterator[tuple[str, str]]:
    for error in _structure().iter_errors(document):
        yield as_pointer(tuple(error.instance_path)), error.message


@cache
def _structure() -> jsonschema_rs.Draft202012Validator:
    text = Path(__file__).with_name("document.schema.json").read_text(encoding="utf-8")
    return jsonschema_rs.Draft202012Validator(json.loads(text))
