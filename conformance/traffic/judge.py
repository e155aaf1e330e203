"""Judge traffic in both directions, exchange by exchange: the requests by the rules for clients,
the responses by those for the server, and runs, steps, lists and streams over time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from conformance.catalogue.requirements import Catalogue
from conformance.client import json_text
from conformance.client.outages import no_service
from conformance.client.recorder import Exchange, Traffic
from conformance.client.response import Response
from conformance.contract.contract import load as load_contract
from conformance.contract.schema import Schemas
from conformance.errors import CheckFailed
from conformance.traffic.client_habits import ClientHabits
from conformance.traffic.client_rules import ClientRules
from conformance.traffic.event_rules import StreamRules
from conformance.traffic.exchange import ObservedExchange, ObservedRequest, ObservedResponse
from conformance.traffic.find_credentials import SecretCollector
from conformance.traffic.findings import Finding, Findings
from conformance.traffic.server_rules import Judgement, ServerRules, Subject
from conformance.traffic.timeline import Snapshot, Timelines
from conformance.vocabulary import Level, Operation

_MAX_TENANTS = 1_000
_SHOWN_OF_STREAM = 8_192


@dataclass(slots=True)
class Counts:
    """What was seen: exchanges within the contract, requests about something else, requests
    without a response, responses of a gateway, and bodies that could not be read."""

    judged: int = 0
    other: int = 0
    without_response: int = 0
    gateway: int = 0
    unreadable: int = 0
    streams: int = 0
    not_observed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def skip(self, reason: str, number: int = 1) -> None:
        """Count something that was not judged, by its reason."""
        self.reasons[reason] = self.reasons.get(reason, 0) + number


class Judge:
    """One observation. `base_url` is the address of the target, for commands that send a request
    again; `live`: times are those of this machine, so silence can be judged."""

    def __init__(
        self,
        server: Catalogue,
        client: Catalogue,
        *,
        base_url: str,
        live: bool = True,
        settle: float = 1.0,
        sole: bool = False,
        on_new: Callable[[str, Finding], None] | None = None,
    ) -> None:
        contract = load_contract()
        schemas = Schemas(contract)
        notify = on_new or (lambda side, finding: None)
        self.server = Findings(server, lambda finding: notify("server", finding))
        self.client = Findings(client, lambda finding: notify("client", finding))
        self.counts = Counts()
        self.secrets = SecretCollector()
        self._client_rules = ClientRules(contract, schemas)
        self._server_rules = ServerRules(schemas)
        self._habits = ClientHabits()
        self._timelines = Timelines(settle=settle, sole=sole)
        self._base_url = base_url
        self._live = live
        self._number = 0
        self._tenants: OrderedDict[str, str] = OrderedDict()

    def sent(self, request: ObservedRequest) -> None:
        """Take note of a request before its response is there: a retry may take effect by then."""
        place = request.place
        if place is not None and place.operation is Operation.RETRY and request.method == "POST":
            self._timelines.retry(place.run_id, request.at)

    def exchange(self, seen: ObservedExchange) -> None:
        """Judge a complete exchange; the stream of an event stream is judged as a whole."""
        request, response = seen.request, seen.response
        if response is not None and response.is_stream and request.place is not None:
            stream = self.stream(request, response)
            if response.body is None:
                self.counts.skip("event streams without a recorded body")
            else:
                stream.feed(response.body, response.end)
            stream.end(response.end, by_server=response.complete and response.body is not None)
            return
        if request.place is None:
            self.counts.other += 1
            return
        self.secrets.learn(request, response)
        self.sent(request)
        if response is not None:
            self._timelines.retry_done(request.place.run_id, request.at, response.end)
        record = _Record(self, request, response, seen.note)
        subject = self._request(record)
        if response is None or subject is None:
            self.counts.without_response += response is None
            return
        if response.bare:
            return
        if no_service(subject.response):
            self.counts.gateway += 1
            return
        self._take_server(self._response(subject, response), record)

    def stream(self, request: ObservedRequest, response: ObservedResponse) -> JudgedStream:
        """Begin the judgement of an event stream of the contract."""
        self.secrets.learn(request, response)
        record = _Record(self, request, response, "")
        self._request(record)
        self.counts.streams += 1
        return JudgedStream(self, record, response)

    def malformed(self, where: str, why: str) -> None:
        """Take note of bytes that are not a request at all."""
        request = ObservedRequest("?", "/", (), b"", 0.0, where)
        failure = CheckFailed(f"{where}: {why}")
        self._take_client([("CLIENT-11", failure)], _Record(self, request, None, why))

    def _request(self, record: _Record) -> Subject | None:
        """Judge the request, and return the response in its terms, if there is one."""
        request, response = record.request, record.response
        place = request.place
        if place is None:
            return None
        self.counts.judged += 1
        faults = self._client_rules.faults(request, place)
        if request.body is None:
            self.counts.skip("request bodies that were not recorded")
        broken = {fault.requirement for fault in faults}
        self._take_client(self._of_client(record, faults, broken), record)
        if response is None:
            return None
        body, known = response.body or b"", response.body is not None and response.complete
        if response.body is None and not response.is_stream and not response.bare:
            self.counts.unreadable += 1
        shown = Response(
            method=request.method,
            url=request.path,
            status=response.status,
            headers=response.values,
            body=body,
            seconds=response.end - request.at,
            exchange=0,
        )
        value = None if response.is_stream or not known else _json(body)
        return Subject(request, place, shown, value, faults, known)

    def _of_client(self, record: _Record, faults: Any, broken: set[str]) -> Iterator[Judgement]:
        request, place = record.request, record.request.place
        for why in request.malformed:
            broken.add("CLIENT-11")
            yield "CLIENT-11", CheckFailed(f"{request.method} {request.path}: {why}")
        for fault in faults:
            message = f"{request.method} {request.path}: {fault.message}"
            level = None if fault.level.gates else fault.level
            yield (
                fault.requirement,
                CheckFailed(message, level=level, contract_location=fault.contract_location),
            )
        if place is not None:
            exercised = self._client_rules.exercised(request, place)
            yield from ((name, None) for name in exercised if name not in broken)
            yield from self._habits.judge(request, place, record.response)

    def _response(self, subject: Subject, response: ObservedResponse) -> Iterator[Judgement]:
        yield from self._server_rules.judge(subject)
        request, operation = subject.request, subject.place.operation
        if operation is Operation.EVENTS:
            yield from _no_stream(subject)
        text = subject.response.body.decode("utf-8", "replace")
        header = self.secrets.leaked(request, text)
        why = f"the body has the credential of the request ({header})"
        yield "AUTH-09", subject.failed(why) if header else None
        if not subject.succeeded or not isinstance(subject.value, dict):
            return
        span = (request.at, response.end)
        match operation:
            case Operation.LIST:
                items = subject.value.get("items")
                for item in items if isinstance(items, list) else ():
                    if isinstance(item, dict):
                        yield from self._timelines.item(Snapshot("list", item, *span))
                        yield from self._tenant(subject, item)
            case Operation.STEPS:
                snapshot = Snapshot("steps", subject.value, *span)
                yield from self._timelines.step_list(subject.place.run_id, snapshot)
            case Operation.GET | Operation.CANCEL | Operation.RETRY:
                source = {Operation.GET: "get", Operation.CANCEL: "cancel"}.get(operation, "retry")
                yield from self._timelines.run(Snapshot(source, subject.value, *span))
                yield from self._tenant(subject, subject.value)

    def _tenant(self, subject: Subject, run: dict[str, Any]) -> Iterator[Judgement]:
        """All runs of one credential belong to one tenant."""
        values, tenant = subject.request.values, run.get("tenantId")
        held = "\n".join(values.get(n, "") for n in ("authorization", "x-api-key", "cookie"))
        if not held.strip() or not isinstance(tenant, str):
            return
        key = sha256(held.encode("utf-8", "replace")).hexdigest()
        first = self._tenants.setdefault(key, tenant)
        self._tenants.move_to_end(key)
        if len(self._tenants) > _MAX_TENANTS:
            self._tenants.popitem(last=False)
        why = f"the run {run.get('id')} is of tenant {tenant}, others are of {first}"
        yield "GET-10", None if first == tenant else subject.failed(why)

    def _take_client(self, judgements: Any, record: _Record) -> None:
        self.client.take(judgements, record.exchange, lambda: self.secrets.redactor)

    def _take_server(self, judgements: Any, record: _Record) -> None:
        self.server.take(judgements, record.exchange, lambda: self.secrets.redactor)

    def _keep(self, record: _Record) -> Exchange:
        """Return the exchange as a report shows it, without credentials."""
        self._number += 1
        request, response = record.request, record.response
        traffic = Traffic(self.secrets.redactor)
        body = request.body
        shown = b"" if response is None else record.shown or response.body or b""
        traffic.keep(
            Exchange(
                number=0,
                method=request.method,
                url=f"{request.origin or self._base_url}{request.target}",
                request_headers=dict(reversed(request.headers)),
                request_body=None if not body else body.decode("utf-8", "replace"),
                status=None if response is None else response.status,
                response_headers={} if response is None else response.values,
                response_body=bytes(shown).decode("utf-8", "replace"),
                seconds=0.0 if response is None else round(response.end - request.at, 4),
                note=record.note or request.where,
            )
        )
        (kept,) = traffic.since(0)
        return _numbered(kept, self._number)


@dataclass(slots=True)
class _Record:
    """An exchange that is rendered for a report when it is first needed."""

    judge: Judge
    request: ObservedRequest
    response: ObservedResponse | None
    note: str
    shown: bytes = b""
    kept: Exchange | None = None

    def exchange(self) -> Exchange:
        """Return the exchange as it is shown."""
        if self.kept is None:
            self.kept = self.judge._keep(self)
        return self.kept


class JudgedStream:
    """An event stream that goes on."""

    def __init__(self, judge: Judge, record: _Record, response: ObservedResponse) -> None:
        self._judge = judge
        self._record = record
        self._last_at = response.at
        request = record.request
        place = request.place
        self._run_id = place.run_id if place else ""
        timeline = judge._timelines.of(self._run_id)
        self._log = timeline.events
        self._rules = StreamRules(
            judge._server_rules, request, response, self._log, live=judge._live
        )
        judge._take_server(self._head(response), record)

    def feed(self, chunk: bytes, at: float) -> None:
        """Judge more bytes of the stream, which came `at` this time."""
        known, self._last_at = len(self._log.hashes), at
        record = self._record
        if len(record.shown) < _SHOWN_OF_STREAM:
            record.shown += chunk[: _SHOWN_OF_STREAM - len(record.shown)]
        record.kept = None
        self._judge._take_server(self._rules.feed(chunk, at), record)
        self._runs(at)
        self._judge._timelines.count_events(len(self._log.hashes) - known)

    def end(self, at: float, *, by_server: bool) -> None:
        """End the judgement: the server ended the stream, or the client left."""
        self._judge._take_server(self._rules.end(at, by_server=by_server), self._record)
        self._runs(at)
        if by_server and not self._rules.has_ended:
            self._judge._habits.stream_cut(self._record.request, self._rules.last_id, at)

    def _runs(self, at: float) -> None:
        runs, self._rules.runs = self._rules.runs, []
        for run in runs:
            if run.get("id") and str(run["id"]).lower() == self._run_id.lower():
                seen = Snapshot("event", run, at, at)
                self._judge._take_server(self._judge._timelines.event(seen), self._record)

    def _head(self, response: ObservedResponse) -> Iterator[Judgement]:
        yield "EVENTS-01", None
        control = response.values.get("cache-control", "").lower()
        may_cache = "no-cache" not in control and "no-store" not in control
        why = f"Cache-Control is {control!r}: a cache may keep the stream"
        failure = CheckFailed(f"GET {self._record.request.path}: {why}", level=Level.INFERRED)
        yield "EVENTS-13", failure if may_cache else None


def _no_stream(subject: Subject) -> Iterator[Judgement]:
    status = subject.response.status
    if 200 <= status < 300 and status != 204 and subject.request.method == "GET":
        yield "EVENTS-01", subject.failed("expected 200 and text/event-stream")


def _json(body: bytes) -> Any:
    try:
        return json_text.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _numbered(exchange: Exchange, number: int) -> Exchange:
    data = {name: getattr(exchange, name) for name in Exchange.__dataclass_fields__}
    return Exchange(**data | {"number": number})
