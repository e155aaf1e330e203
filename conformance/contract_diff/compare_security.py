"""Compare the credentials that two operations ask for.

A security requirement is a list of alternatives, each a set of credentials that are needed
together; the empty set lets everyone in. A client that sent one of the old alternatives must still
be let in: some new alternative must ask for no more. Schemes are identified by the credential that
is sent, not by their names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from conformance.contract.pointer import Path, resolve
from conformance.contract_diff.change import Change
from conformance.contract_diff.elements import BACKEND, SENDER, Scribe
from conformance.contract_diff.surface import Operation, Surface

Alternative = Mapping[str, frozenset[str]]
"""Credentials sent together, each with the scopes that it must have."""


def compare_security(scribe: Scribe, old: Operation, new: Operation) -> Iterator[Change]:
    """Yield the alternatives that no longer suffice, and those that newly do."""
    before, after = _alternatives(scribe.old, old), _alternatives(scribe.new, new)
    for alternative, place in before:
        if not any(_within(each, alternative) for each, _ in after):
            yield scribe.change(
                "security-alternative-removed",
                "security",
                f"{_said(alternative, scribe.old)} no longer suffices.",
                (place, new.security[0]),
                SENDER,
                f"a request with {_said(alternative, scribe.old).lower()}",
            )
    for alternative, place in after:
        if not any(_within(each, alternative) for each, _ in before):
            yield scribe.change(
                "security-alternative-added",
                "security",
                f"{_said(alternative, scribe.new)} now suffices.",
                (None, place),
                BACKEND,
            )


def _alternatives(surface: Surface, operation: Operation) -> list[tuple[Alternative, Path]]:
    route, listed = operation.security
    if not listed:
        return [({}, route)]
    schemes = surface.document.get("components", {}).get("securitySchemes", {})
    return [
        (
            {
                _sent(resolve(surface.document, schemes.get(name, {"name": name}))): frozenset(
                    scopes
                )
                for name, scopes in each.items()
            },
            (*route, index),
        )
        for index, each in enumerate(listed)
    ]


def _schemes(surface: Surface) -> Mapping[str, Any]:
    found: Mapping[str, Any] = surface.document.get("components", {}).get("securitySchemes", {})
    return found


def _sent(scheme: Mapping[str, Any]) -> str:
    """Return the parts that distinguish a credential on the wire, as JSON."""
    match scheme.get("type"):
        case "apiKey":
            name = str(scheme["name"])
            name = name.lower() if scheme["in"] == "header" else name
            found: Any = ["apiKey", scheme["in"], name]
        case "http":
            found = ["http", str(scheme["scheme"]).lower()]
        case "openIdConnect":
            found = ["openIdConnect", scheme.get("openIdConnectUrl")]
        case "oauth2":
            flows = {
                flow: {key: url for key, url in each.items() if key.endswith("Url")}
                for flow, each in scheme.get("flows", {}).items()
            }
            found = ["oauth2", flows]
        case _:
            found = [scheme]
    return json.dumps(found, sort_keys=True)


def _within(needed: Alternative, given: Alternative) -> bool:
    """Return whether a client with the given credentials has the needed ones."""
    return all(key in given and scopes <= given[key] for key, scopes in needed.items())


def _said(alternative: Alternative, surface: Surface) -> str:
    if not alternative:
        return "No credential"
    names = {
        _sent(resolve(surface.document, scheme)): name for name, scheme in _schemes(surface).items()
    }
    parts = []
    for key, scopes in alternative.items():
        listed = f" with {', '.join(sorted(scopes))}" if scopes else ""
        parts.append(f"`{names.get(key, key)}`{listed}")
    return f"The credential {' and '.join(parts)}"
