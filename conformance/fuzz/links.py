"""Which call can follow which, for Schemathesis' stateful phase: OpenAPI links, which the contract
itself does not have, from every answer of an operation on a run to every operation on the same run,
and to the list. Ids are taken from requests, and from an answer only where a retry may have made
another run, so that no sequence leads to runs that are not the kit's."""

from __future__ import annotations

from typing import Any

from conformance.contract.views import Document
from conformance.vocabulary import RUN_OPERATIONS, Operation

_FOLLOWED = ("2XX", "200", "201", "202", "409")


def link(made: Document) -> None:
    """Add the links to each answer that there is in the document, in place."""
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
    if target is Operation.LIST:
        wants_run = source not in (Operation.STEPS, Operation.EVENTS) and code != "409"
        parameters = {"status": "$response.body#/status"} if wants_run else {}
    elif source is Operation.RETRY and code != "409":
        parameters = {"run_id": "$response.body#/id"}
    else:
        parameters = {"run_id": "$request.path.run_id"}
    return {"operationId": target.value, "parameters": parameters}
