"""Judge one complete response by the contract and by the request that it is for. A judgement is a
requirement with the failure, or with None where the requirement was exercised and holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

from conformance.assertions.matchers import names_parameter, parse_timestamp
from conformance.assertions.monitor import InvariantMonitor
from conformance.assertions.response_rules import RuleMonitor, mentions_rate_limit, rules
from conformance.client.response import Response
from conformance.contract.schema import Fault, Schemas
from conformance.errors import CheckFailed
from conformance.traffic.client_rules import RequestFault
from conformance.traffic.exchange import ObservedRequest, Place
from conformance.vocabulary import UUID, Level, Operation

Json = dict[str, Any]
Judgement = tuple[str, CheckFailed | None]

SCHEMAS = {
    Operation.LIST: "RunPage",
    Operation.GET: "Run",
    Operation.CANCEL: "Run",
    Operation.RETRY: "Run",
    Operation.STEPS: "RunSteps",
}
_SUCCESS = {
    Operation.LIST: "LIST-01",
    Operation.GET: "GET-01",
    Operation.STEPS: "STEPS-01",
    Operation.CANCEL: "CANCEL-01",
    Operation.RETRY: "RETRY-01",
}
RUN_NAMES = ("GET-05", "GET-06", "GET-07", "GET-08", "GET-09")
STEP_NAMES = ("STEPS-03", "STEPS-04", "STEPS-05", "STEPS-06", "STEPS-07")
# Responses that do not decide whether a request is valid.
_UNDECIDED = frozenset({401, 403, 404, 405, 408, 409, 413, 414, 429, 431})
# A service may not know others at all.
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_DEFAULT_LIMIT = 100
_UUID = re.compile(UUID, re.IGNORECASE)
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_MAX_FAULTS = 8
# By so many runs the total may be off that was counted a moment before or after the page.
_RACE = 2


@dataclass(frozen=True, slots=True)
class Subject:
    """A response with its request. `value` is the body as JSON, None if it is not; `faults` are
    those of the request; `known` is false where the body is not."""

    request: ObservedRequest
    place: Place
    response: Response
    value: Any
    faults: Sequence[RequestFault]
    known: bool = True

    @property
    def succeeded(self) -> bool:
        """Whether the response is a success of an operation."""
        method = self.place.operation.method if self.place.operation else ""
        return self.request.method == method and 200 <= self.response.status < 300

    def failed(self, why: str, level: Level | None = None, location: str = "") -> CheckFailed:
        """Return the failure of the response."""
        message = f"{self.response.summary}: {why}"
        return CheckFailed(message, level=level, contract_location=location)


class ServerRules:
    """Judge responses by the schemas of one contract."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._rules = rules(schemas)

    def judge(self, subject: Subject) -> Iterator[Judgement]:
        """Yield the judgements on a response that is not an event stream."""
        yield from self._status(subject)
        yield from _unknown(subject)
        if subject.response.status == 401:
            challenge = "www-authenticate" in subject.response.headers
            yield "AUTH-07", None if challenge else subject.failed("it has no WWW-Authenticate")
        if mentions_rate_limit(subject.response):
            yield from self._monitored(subject, ("HTTP-08",))
        yield from self._monitored(subject, ("HTTP-04",))
        if not subject.known:
            return
        yield from self._monitored(subject, _applicable(subject))
        yield from _names_the_parameter(subject)
        if subject.succeeded:
            yield from self._content(subject)

    def schema_faults(self, name: str, value: Any) -> list[Fault]:
        """Return one fault of the value for each keyword of the contract, best founded first."""
        return _by_location(self._schemas.faults(name, value))

    def _monitored(self, subject: Subject, names: Sequence[str]) -> Iterator[Judgement]:
        monitor = RuleMonitor(self._rules, names)
        monitor.observe(subject.response)
        found = monitor.take()
        yield from ((name, found.get(name)) for name in names)

    def _status(self, subject: Subject) -> Iterator[Judgement]:
        status, operation = subject.response.status, subject.place.operation
        if operation is None or subject.request.method != operation.method or status >= 500:
            return
        if subject.request.malformed and status >= 400:
            return
        for fault in subject.faults:
            if fault.server == "AUTH-01":
                rejected = status in (401, 403)
                why = "it was sent without a credential: expected 401 or 403"
                yield "AUTH-01", None if rejected else subject.failed(why)
            elif fault.server and fault.server != "LIST-19" and not _undecided(subject, fault):
                yield self._rejected(subject, fault)
        invalid = [fault for fault in subject.faults if fault.requirement != "CLIENT-05"]
        if not invalid and status in (400, 422) and subject.known:
            yield from self._valid_rejected(subject)
        if not invalid and operation in SCHEMAS and 200 <= status < 300:
            wrong = operation.method == "GET" and status != 200
            why = "expected 200"
            yield _SUCCESS[operation], subject.failed(why) if wrong else None

    def _rejected(self, subject: Subject, fault: RequestFault) -> Judgement:
        """Judge the response to a request that is invalid for sure."""
        status = subject.response.status
        if fault.server == "HTTP-06":
            rejected, wanted = 400 <= status < 500, "a 4xx"
        else:
            rejected, wanted = status == 422, "422"
        why = f"the request is invalid ({fault.message}): expected {wanted}"
        level = None if fault.level.gates else fault.level
        location = fault.contract_location
        return fault.server, None if rejected else subject.failed(why, level, location)

    def _valid_rejected(self, subject: Subject) -> Iterator[Judgement]:
        """A request without a fault must not be called invalid. Whether a run can be cancelled or
        retried depends on its state, so that is left open."""
        operation = subject.place.operation
        unusual = bool(subject.faults) or _below_one(subject.request)
        if operation in (Operation.LIST, Operation.GET, Operation.STEPS) and not unusual:
            failure = subject.failed("the request is valid: expected 200")
            yield _SUCCESS[operation], failure
            if parse_qs(subject.request.query).get("limit") == ["1000"]:
                yield "LIST-05", failure

    def _content(self, subject: Subject) -> Iterator[Judgement]:
        operation, value = subject.place.operation, subject.value
        if operation not in SCHEMAS or subject.response.media_type != "application/json":
            return
        faults = self.schema_faults(SCHEMAS[operation], value)
        yield from _schema_judgements(subject, operation, faults)
        if not isinstance(value, dict):
            return
        if operation is Operation.LIST:
            yield from _page(subject, value)
            yield from _ids(subject, value)
        elif operation is Operation.STEPS:
            same = str(value.get("automationRunId")).lower() == subject.place.run_id.lower()
            why = f"automationRunId is {value.get('automationRunId')!r}"
            yield "STEPS-02", None if same else subject.failed(why)
            truncated = [
                step.get("resultTruncated")
                for step in value.get("steps") or ()
                if isinstance(step, dict)
            ]
            wrong = [each for each in truncated if each is not None and not isinstance(each, bool)]
            if truncated:
                why = f"resultTruncated is {wrong[0]!r}" if wrong else ""
                yield "STEPS-10", subject.failed(why) if wrong else None
        elif operation in (Operation.GET, Operation.CANCEL):
            name = "GET-13" if operation is Operation.GET else "CANCEL-01"
            same = str(value.get("id")).lower() == subject.place.run_id.lower()
            why = f"the run that was returned has the id {value.get('id')!r}"
            yield name, None if same else subject.failed(why)
        steps = operation is Operation.STEPS
        if value.get("steps") if steps else value.get("items", True):
            yield from contradictions(subject.response, STEP_NAMES if steps else RUN_NAMES)


def contradictions(response: Response, names: Sequence[str]) -> Iterator[Judgement]:
    """Judge whether the runs, steps or events in a response contradict themselves."""
    monitor = RuleMonitor({}, (*names, "GET-01"))
    InvariantMonitor(monitor).observe(response)
    found = monitor.take()
    yield from ((name, found.get(name)) for name in (*names, *({*found} - {*names})))


def _applicable(subject: Subject) -> list[str]:
    """Return the rules for all responses that have something to look at."""
    status = subject.response.status
    return [
        *(["HTTP-03"] if subject.succeeded else []),
        *(["HTTP-05"] if 400 <= status < 500 and subject.request.method != "HEAD" else []),
        *(["HTTP-10"] if status >= 400 else []),
        *(["HTTP-11"] if status == 422 and subject.request.method != "HEAD" else []),
    ]


def _undecided(subject: Subject, fault: RequestFault) -> bool:
    """Whether the response does not show that the request was looked at. A server may reject a path
    with unusual characters before that."""
    status, run_id = subject.response.status, subject.place.run_id
    usual = _SEGMENT.fullmatch(run_id) and run_id not in (".", "..")
    if status == 404 and fault.requirement in ("CLIENT-06", "CLIENT-07"):
        # The run is unknown, and that may be found out first.
        return True
    return status in _UNDECIDED - {404} or (status in (400, 404) and bool(run_id) and not usual)


def _unknown(subject: Subject) -> Iterator[Judgement]:
    """Judge the response to an unknown path or method."""
    status = subject.response.status
    if subject.place.operation is None:
        if status == 404 and subject.known and subject.request.method != "HEAD":
            is_json = subject.response.media_type.endswith("json")
            yield "HTTP-02", None if is_json else subject.failed("the body is not JSON")
        return
    wrong = any(fault.server == "HTTP-01" for fault in subject.faults)
    if wrong and subject.request.method in _METHODS and status < 500:
        if status in _UNDECIDED - {405}:
            return
        allowed = status == 405 and "allow" in subject.response.headers
        why = "the path does not have this method: expected 405 with Allow"
        yield "HTTP-01", None if allowed else subject.failed(why)


def _schema_judgements(
    subject: Subject, operation: Operation, faults: Sequence[Fault]
) -> Iterator[Judgement]:
    name = _SUCCESS[operation]
    names = (name, "LIST-02") if operation is Operation.LIST else (name,)
    broken = set()
    for fault in faults[:_MAX_FAULTS]:
        # The message begins with the place in the body.
        of_item = fault.message.startswith("items.")
        about = "LIST-02" if of_item else name
        broken.add(about)
        yield about, subject.failed(fault.message, fault.level, fault.contract_location)
    yield from ((each, None) for each in names if each not in broken)


def _page(subject: Subject, page: Json) -> Iterator[Judgement]:
    items, total = page.get("items"), page.get("total")
    invalid = [each for each in subject.faults if each.requirement == "CLIENT-04"]
    if not isinstance(items, list) or type(total) is not int:
        return
    if any(each.server == "LIST-19" for each in invalid):
        why = f"{len(items)} items for a status that the contract does not have"
        yield "LIST-19", subject.failed(why) if items else None
    if invalid:
        return
    query = parse_qs(subject.request.query, keep_blank_values=True)
    if any(len(values) > 1 for values in query.values()):
        return
    limit = int(query["limit"][0]) if "limit" in query else None
    offset = int(query["offset"][0]) if "offset" in query else 0
    if limit is not None and limit < 1:
        yield "LIST-18", subject.failed(f"{len(items)} items") if items else None
        return
    name = "LIST-09" if offset >= total else "LIST-03" if limit is None else "LIST-04"
    most = _DEFAULT_LIMIT if limit is None else limit
    low, wanted, high = (max(0, min(most, total - offset + race)) for race in (-_RACE, 0, _RACE))
    why = f"{len(items)} items with total {total} and offset {offset}: expected {wanted}"
    yield name, None if low <= len(items) <= high else subject.failed(why)
    if limit == 1000:
        yield "LIST-05", None
    if wanted_status := query.get("status", [""])[0]:
        others = [i.get("status") for i in items if isinstance(i, dict)]
        others = [each for each in others if each != wanted_status]
        why = f"status={wanted_status} returned a run that is {others[0]!r}" if others else ""
        if items:
            yield "LIST-12", subject.failed(why) if others else None
    yield from _order(subject, [item for item in items if isinstance(item, dict)])


def _ids(subject: Subject, page: Json) -> Iterator[Judgement]:
    """The path parameter of the other operations is a UUID, so the ids of runs are."""
    items = page.get("items")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and not _UUID.fullmatch(str(item.get("id"))):
            why = f"an item has the id {item.get('id')!r}, which is not a UUID"
            yield "LIST-02", subject.failed(why, Level.DERIVED)
            return


def _order(subject: Subject, items: Sequence[Json]) -> Iterator[Judgement]:
    try:
        moments = [parse_timestamp(item.get("createdAt")) for item in items]
    except ValueError:
        return
    if len(set(moments)) < 2:
        return
    rising = all(a <= b for a, b in pairwise(moments))
    falling = all(a >= b for a, b in pairwise(moments))
    why = "the items are not in the order of createdAt"
    yield "LIST-14", None if rising or falling else subject.failed(why)


def _below_one(request: ObservedRequest) -> bool:
    """Whether the limit is below 1, which a server may call invalid."""
    limit = parse_qs(request.query).get("limit", ["1"])[0]
    return limit.lstrip("+-").isdecimal() and int(limit) < 1


def _by_location(faults: Sequence[Fault]) -> list[Fault]:
    found: dict[str, Fault] = {}
    for fault in faults:
        found.setdefault(fault.contract_location, fault)
    return list(found.values())


def _names_the_parameter(subject: Subject) -> Iterator[Judgement]:
    """Judge whether a 422 says which parameter is invalid."""
    for fault in subject.faults:
        about = subject.response.status == 422 and fault.requirement == "CLIENT-04"
        if about and isinstance(subject.value, dict):
            why = names_parameter(fault.parameter)(subject.response)
            yield "LIST-15", subject.failed(why) if why else None
