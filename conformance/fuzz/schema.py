"""Make the documents for Schemathesis, one for each view of the contract. A failure against the
documented view violates the contract; a failure only against the tolerant view, which is the
complete contract with every answer to the open questions allowed, deviates from it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from conformance.contract.contract import Contract
from conformance.contract.pointer import Document, resolve
from conformance.vocabulary import RUN_OPERATIONS, Operation

# Stands in every path until a run that suits the operation takes its place.
PLACEHOLDER = "00000000-0000-4000-8000-0000000f0220"
# The environment variables that give Schemathesis the file of the credential, the runs to use and a
# directory that outlives it.
CREDENTIAL = "RUNS_CONFORMANCE_FUZZ_CREDENTIAL"
RUNS = "RUNS_CONFORMANCE_FUZZ_RUNS"
CACHE = "RUNS_CONFORMANCE_FUZZ_CACHE"
PER_MINUTE = "RUNS_CONFORMANCE_FUZZ_PER_MINUTE"
# Stands for a body that exceeds the limit.
TOO_LARGE = "[the body exceeds the limit of the kit]"
_OPEN = ("Q05", "Q12", "Q19", "Q20")
_ANY_JSON: dict[str, Any] = {
    "application/json": {"schema": {}},
    "application/problem+json": {"schema": {}},
}
_FOLLOWED = ("2XX", "200", "201", "202", "409")
_CLIENT_ERRORS = ("400", "415")
_SUCCESSES = ("201", "202")
_LINKED_LIMIT = 20


class View(StrEnum):
    """How much of the contract a document has."""

    DOCUMENTED = "documented"
    TOLERANT = "tolerant"


def document(contract: Contract, view: View, operations: Iterable[Operation]) -> Document:
    """The contract in this view, with these operations alone and no credentials: those are given
    to every request, so that none of them is varied."""
    source = contract.documented if view is View.DOCUMENTED else contract.full
    made = copy.deepcopy(source)
    wanted = set(operations)
    if view is View.TOLERANT:
        _open_up(made, contract)
    made.pop("security", None)
    made["components"].pop("securitySchemes", None)
    for path, item in list(made["paths"].items()):
        for method in [m for m in item if m in ("get", "post")]:
            if item[method]["operationId"] not in wanted:
                del item[method]
        if not set(item) & {"get", "post"}:
            del made["paths"][path]
    for parameter in made["components"]["parameters"].values():
        if parameter["name"] == "run_id":
            parameter["example"] = PLACEHOLDER
    _link(made)
    return made


def _open_up(made: Document, contract: Contract) -> None:
    """Allow every answer to the open questions that a schema could reject."""
    for mark in contract.marks:
        for *above, key in mark.covers if mark.question in _OPEN else ():
            if isinstance(node := _down(made, above), dict):
                _loosen(made, node, key)
    made["components"]["schemas"]["Error"] = {}
    for operation in _operations(made):
        responses = operation["responses"]
        for code in _CLIENT_ERRORS:
            responses.setdefault(code, {"description": "Refused."})
        if operation["operationId"] in (Operation.CANCEL, Operation.RETRY):
            for code in _SUCCESSES:
                responses.setdefault(code, responses["200"])
        for code, response in responses.items():
            if code[0] == "4" and code != "422":
                resolve(made, response).setdefault("content", {}).update(copy.deepcopy(_ANY_JSON))


def _loosen(made: Document, node: dict[str, Any], key: str | int) -> None:
    if key == "required":
        fields = node["properties"]
        kept = [n for n in node["required"] if not resolve(made, fields[n]).get("nullable")]
        # OpenAPI 3.0 has no empty list of required fields.
        node.pop("required")
        node |= {"required": kept} if kept else {}
    elif key == "schema":
        node[key] = {"type": "string"}
    elif isinstance(below := node.get(str(key)), dict) and "schema" in below:
        below["schema"] = {}


def _operations(made: Document) -> Iterator[dict[str, Any]]:
    for item in made["paths"].values():
        for method in ("get", "post"):
            if method in item:
                yield item[method]


def _down(node: Any, keys: Iterable[str | int]) -> Any:
    for key in keys:
        try:
            node = node[key]
        except (LookupError, TypeError):
            return None
    return node


def _link(made: Document) -> None:
    """Add the links to each response of the document, in place."""
    there = {
        item[method]["operationId"]: item[method]
        for item in made["paths"].values()
        for method in ("get", "post")
        if method in item
    }
    for source in RUN_OPERATIONS:
        responses = there.get(source, {}).get("responses", {})
        for code in _FOLLOWED:
            if code in responses:
                links = {
                    f"{source.value}{code}To{target.value}": _to(source, target, code)
                    for target in Operation
                    if target in there
                }
                responses[code] = responses[code] | {"links": links}


def _to(source: Operation, target: Operation, code: str) -> dict[str, Any]:
    parameters: dict[str, Any]
    if target is Operation.LIST:
        wants_run = source not in (Operation.STEPS, Operation.EVENTS) and code != "409"
        # Of its own accord it makes up pages that a server may reject.
        parameters = {"limit": _LINKED_LIMIT, "offset": 0}
        parameters |= {"status": "$response.body#/status"} if wants_run else {}
    elif source is Operation.RETRY and code != "409":
        parameters = {"run_id": "$response.body#/id"}
    else:
        parameters = {"run_id": "$request.path.run_id"}
    return {"operationId": target.value, "parameters": parameters}
