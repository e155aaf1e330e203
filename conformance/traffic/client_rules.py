"""Judge one request by the contract: path, method, parameters, body and credentials. Each fault
names the requirement of the client that it breaks, and the requirement of the server that says how
to respond to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs

from conformance.client import json_text
from conformance.client.response import media_type
from conformance.contract.contract import Contract
from conformance.contract.pointer import as_pointer, look_up, resolve, target
from conformance.contract.schema import Schemas, modern
from conformance.traffic.exchange import ObservedRequest, Place
from conformance.vocabulary import Level, Operation

_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")
_HUGE = 2**62
_URL_CREDENTIALS = frozenset(
    {"token", "access_token", "api_key", "apikey", "api-key", "x-api-key", "authorization"}
    | {"auth", "password", "secret", "vai_token"}
)
_COOKIE = re.compile(r"(?:^|;)\s*vai_token=([^;\s]*)")
_MALFORMED_ID = {
    Operation.GET: "GET-03",
    Operation.CANCEL: "CANCEL-10",
    Operation.RETRY: "RETRY-19",
    Operation.STEPS: "STEPS-13",
    Operation.EVENTS: "EVENTS-14",
}
# By parameter and keyword; any other fault of a parameter has no requirement of its own.
_INVALID_PARAMETER = {
    ("limit", "maximum"): "LIST-06",
    ("offset", "minimum"): "LIST-07",
    ("limit", "type"): "LIST-08",
    ("offset", "type"): "LIST-08",
    ("status", "enum"): "LIST-19",
}
_INVALID_BODY = {"mode": "RETRY-07", "stepKey": "RETRY-08", "": "RETRY-10"}
_PERMITTED = ("HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class RequestFault:
    """A requirement of the client that a request breaks. `level` and `contract_location` are of the
    keyword that is not met; `server` is the requirement on the response to such a request,
    `parameter` the name to be found in it."""

    requirement: str
    message: str
    level: Level
    contract_location: str = ""
    server: str = ""
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    place: str
    pointer: tuple[str | int, ...]
    integer: bool
    validator: jsonschema_rs.Draft202012Validator


class ClientRules:
    """Judge requests by one contract."""

    def __init__(self, contract: Contract, schemas: Schemas) -> None:
        self._contract = contract
        self._schemas = schemas
        self._parameters = {each: self._of(each) for each in Operation}

    def faults(self, request: ObservedRequest, place: Place) -> list[RequestFault]:
        """Return what the request breaks, best founded first; empty if it conforms."""
        found = sorted(
            self._faults(request, place), key=lambda fault: list(Level).index(fault.level)
        )
        return list({(each.requirement, each.message): each for each in found}.values())

    def exercised(self, request: ObservedRequest, place: Place) -> Iterator[str]:
        """Yield the requirements of the client that the request is about."""
        yield from ("CLIENT-01", "CLIENT-10", "CLIENT-11")
        if has_credential(request) or not request.hidden:
            yield "CLIENT-09"
        if (operation := place.operation) is None:
            return
        yield "CLIENT-02"
        if place.run_id:
            yield "CLIENT-03"
        if request.query:
            yield "CLIENT-05"
            if operation is Operation.LIST:
                yield "CLIENT-04"
        if operation is Operation.RETRY and request.body and request.method == "POST":
            yield from ("CLIENT-06", "CLIENT-07")
        elif request.body == b"":
            yield "CLIENT-08"

    def _faults(self, request: ObservedRequest, place: Place) -> Iterator[RequestFault]:
        operation = place.operation
        if operation is None:
            message = f"{request.path} is not a path of the contract"
            yield RequestFault("CLIENT-01", message, Level.DOCUMENTED, "/paths")
            return
        pointer = self._contract.operation_pointer(operation)
        if request.method not in (operation.method, *_PERMITTED):
            message = f"{request.method} is used, and the path has {operation.method} only"
            yield RequestFault("CLIENT-02", message, Level.DOCUMENTED, pointer, "HTTP-01")
            return
        yield from self._credentials(request)
        if request.method == "OPTIONS":
            return
        yield from self._path_and_query(request, place, operation)
        yield from self._body(request, operation)

    def _path_and_query(
        self, request: ObservedRequest, place: Place, operation: Operation
    ) -> Iterator[RequestFault]:
        given = parse_qsl(request.query, keep_blank_values=True)
        known = {each.name: each for each in self._parameters[operation] if each.place == "query"}
        for each in self._parameters[operation]:
            if each.place == "path":
                for fault in self._value(each, place.run_id):
                    yield RequestFault("CLIENT-03", *fault, _MALFORMED_ID[operation], each.name)
        names = [name for name, _ in given]
        for name, value in given:
            if name not in known:
                message = f"the contract has no query parameter {name[:80]!r}"
                yield RequestFault("CLIENT-05", message, Level.INFERRED)
                continue
            if names.count(name) > 1:
                message = f"the query parameter {name!r} is there {names.count(name)} times"
                yield RequestFault("CLIENT-05", message, Level.INFERRED)
            for message, level, location in self._value(known[name], value):
                keyword = target(location)[-1]
                server = _INVALID_PARAMETER.get((name, str(keyword)), "")
                yield RequestFault("CLIENT-04", message, level, location, server, name)

    def _value(self, parameter: _Parameter, text: str) -> Iterator[tuple[str, Level, str]]:
        value: Any = text
        if parameter.integer and _INTEGER.fullmatch(text):
            # However long, it is an integer, and beyond every bound.
            value = max(-_HUGE, min(_HUGE, int(text)))
        for error in parameter.validator.iter_errors(value):
            pointer = as_pointer((*parameter.pointer, "schema", *error.evaluation_path))
            location = self._contract.place_of(pointer)
            message = f"{parameter.name} is {text[:80]!r}: {error.message[:200]}"
            yield message, self._contract.level_of(pointer), location

    def _body(self, request: ObservedRequest, operation: Operation) -> Iterator[RequestFault]:
        if not request.body:
            return
        pointer = self._contract.operation_pointer(operation)
        if operation is not Operation.RETRY or request.method != "POST":
            message = f"{request.method} has a body of {len(request.body)} bytes"
            yield RequestFault("CLIENT-08", message, Level.INFERRED, pointer)
            return
        pointer = f"{pointer}/requestBody/content/application~1json"
        kind = media_type(request.values)
        if kind != "application/json":
            message = f"its type is {kind!r}, not application/json"
            yield RequestFault("CLIENT-07", message, Level.DOCUMENTED, pointer, "HTTP-06")
            return
        try:
            value = json_text.loads(request.body.decode("utf-8"))
        except (ValueError, RecursionError) as fault:
            message = f"the body is not JSON in UTF-8: {fault}"
            yield RequestFault("CLIENT-06", message, Level.DOCUMENTED, pointer, "RETRY-09")
            return
        if value is None:
            return
        for found in self._schemas.faults("RetryRequest", value):
            subject = found.message.partition(":")[0].partition(".")[0]
            subject = "" if subject == "the body" else subject
            server = _INVALID_BODY.get(subject, "")
            yield RequestFault(
                "CLIENT-06", found.message, found.level, found.contract_location, server, subject
            )

    def _credentials(self, request: ObservedRequest) -> Iterator[RequestFault]:
        if request.method == "OPTIONS":
            return
        if not has_credential(request) and not request.hidden:
            message = "it has no credential in Authorization, X-API-Key or the cookie vai_token"
            yield RequestFault("CLIENT-09", message, Level.ANALOGUE, "/security", "AUTH-01")
        for name, value in parse_qsl(request.query):
            if name.lower() in _URL_CREDENTIALS and value:
                message = f"the query parameter {name!r} has a credential"
                yield RequestFault("CLIENT-10", message, Level.DERIVED)

    def _of(self, operation: Operation) -> Sequence[_Parameter]:
        above = target(self._contract.operation_pointer(operation))
        found = []
        for place in (above[:-1], above):
            item = look_up(self._contract.full, place)
            for number, reference in enumerate(item.get("parameters", ())):
                parameter = resolve(self._contract.full, reference)
                schema = resolve(self._contract.full, parameter["schema"])
                found.append(
                    _Parameter(
                        parameter["name"],
                        parameter["in"],
                        (*place, "parameters", number),
                        schema.get("type") == "integer",
                        jsonschema_rs.Draft202012Validator(modern(schema), validate_formats=True),
                    )
                )
        return found


def has_credential(request: ObservedRequest) -> bool:
    """Whether the request has one of the three credentials."""
    values = request.values
    cookie = any(_COOKIE.search(value) for name, value in request.headers if name == "cookie")
    return bool(values.get("authorization") or values.get("x-api-key") or cookie)


def url_credentials(query: str) -> Iterator[str]:
    """Yield the values of query parameters that are named like a credential."""
    for name, value in parse_qsl(query):
        if name.lower() in _URL_CREDENTIALS:
            yield value
