"""Describe a failure that Schemathesis found: the request, the response, the allowed values."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from conformance.client.recorder import Exchange
from conformance.fuzz.schema import TOO_LARGE
from conformance.vocabulary import UUID

_SHOWN = 160
_RUN = re.compile(rf"/{UUID}(?=/|\?|$)")
# Keywords that describe a value and do not constrain it.
_FOR_PEOPLE = frozenset({"description", "example", "examples", "title", "x-evidence"})


def describe_failure(check: str, text: str, exchange: Exchange) -> str:
    """The failure of this check; `text` is the message of Schemathesis, and is returned where
    it is of a kind that is not known here."""
    sent = f"{exchange.method} {_path(exchange.url)}"
    if exchange.request_body is not None:
        sent += f" with the body {_short(exchange.request_body)}"
    received = "got no response" if exchange.status is None else f"returned {exchange.status}"
    if exchange.response_body == TOO_LARGE:
        return f"{sent} {received}. Its body exceeds 32 MiB, or a smaller limit after many of them."
    return f"{sent} {received}. {_expected(check, text, exchange)}"


def _expected(check: str, text: str, exchange: Exchange) -> str:
    match check:
        case "not_a_server_error":
            return "Allowed: any other status class; no request may cause a server error."
        case "negative_data_rejection":
            why = _found(r"Invalid component: (.*)", text).strip(" -")
            odd = f" ({why})" if why else ""
            return f"The contract forbids this request{odd}. Allowed: a client error, normally 422."
        case "status_code_conformance":
            return f"Allowed: {_listed(text)}."
        case "content_type_conformance" if "Documented:" in text:
            kind = exchange.response_headers.get("content-type", "none")
            return f"Its Content-Type is {kind}. Allowed: {_listed(text)}."
        case "response_schema_conformance" if found := _schema_and_value(text):
            pointer, schema, value = found
            place = _field(pointer)
            return (
                f"Its body has {_short(value)}{place} where the contract allows {_schema(schema)}."
            )
        case _:
            return text


def _schema_and_value(text: str) -> tuple[str, str, str] | None:
    """Return the pointer to the schema, the schema and the value that a message names."""
    pointer, colon, rest = text.partition("Schema at ")[2].partition(":")
    schema, heading, value = rest.partition("\nValue:")
    return (pointer, schema.strip(), value.strip()) if colon and heading else None


def _path(url: str) -> str:
    # The command shows the run; the same failure has the same message.
    parts = urlsplit(_RUN.sub("/{run_id}", url))
    return _short(f"{parts.path}?{parts.query}" if parts.query else parts.path)


def _listed(text: str) -> str:
    words = _found(r"Documented: (.*)", text).split(", ")
    return ", ".join(sorted(set(words))) or "nothing"


def _field(pointer: str) -> str:
    names = re.findall(r"/properties/([^/]+)", pointer)
    return f" as {'.'.join(names)}" if names else ""


def _schema(text: str) -> str:
    try:
        schema = _bare(json.loads(text))
    except ValueError:
        return _short(text)
    members = schema.get("anyOf", [schema]) if isinstance(schema, dict) else [schema]
    plain = [m["type"] for m in members if isinstance(m, dict) and set(m) == {"type"}]
    if plain and len(plain) == len(members):
        return " or ".join(map(str, plain))
    return _short(json.dumps(schema))


def _bare(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _bare(value) for key, value in schema.items() if key not in _FOR_PEOPLE}
    return [_bare(each) for each in schema] if isinstance(schema, list) else schema


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1].strip() if found else ""


def _short(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= _SHOWN else f"{one[:_SHOWN]}..."
