"""Small contracts to compare."""

from pathlib import Path
from typing import Any

import yaml
from plain_yaml import parse_yaml

from conformance.contract.contract import Contract, load
from conformance.contract_diff.compare_contracts import Difference, compare

CORPUS = Path(__file__).parent / "corpus.yaml"

SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "sameKey": {"type": "apiKey", "in": "header", "name": "x-key"},
    "cookieKey": {"type": "apiKey", "in": "cookie", "name": "X-Key"},
    "basic": {"type": "http", "scheme": "Basic"},
    "oauth": {
        "type": "oauth2",
        "flows": {"implicit": {"authorizationUrl": "https://a.example", "scopes": {}}},
    },
}


def corpus() -> list[dict[str, Any]]:
    """The kinds of change, as the file has them."""
    rows: list[dict[str, Any]] = parse_yaml(CORPUS.read_text(encoding="utf-8"))
    return rows


def document(kind: str, value: Any) -> dict[str, Any]:
    """An OpenAPI 3.0 document with the value in the place that the kind names."""
    top = {"openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "paths": {}}
    if kind == "document":
        return top | value
    media, header = {"application/json": {"schema": value}}, {"schema": value}
    operation: dict[str, Any] = {
        "operation": value,
        "parameter": {"parameters": [{"name": "q", "in": "query", "schema": value}]},
        "request": {"requestBody": {"content": media}},
        "response": {"responses": {"200": {"description": "", "content": media}}},
        "header": {"responses": {"200": {"description": "", "headers": {"X-A": header}}}},
    }[kind]
    operation = {"responses": {}} | operation
    return top | {
        "paths": {"/a": {"post": operation}},
        "components": {"securitySchemes": SCHEMES},
    }


def contract(directory: Path, name: str, content: dict[str, Any]) -> Contract:
    """The document as a contract read from a file."""
    file = directory / name
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load(file)


def difference(directory: Path, kind: str, old: Any, new: Any) -> Difference:
    """The changes from one value to another in the same place."""
    return compare(
        contract(directory, "old.yaml", document(kind, old)),
        contract(directory, "new.yaml", document(kind, new)),
    )
