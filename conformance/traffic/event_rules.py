"""Judge one event stream while it goes on: its form, the order of its events, and its agreement
with other streams of the same run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from conformance.client.response import Response
from conformance.client.run_events import RunEvent, run_events
from conformance.client.sse import Parser, ServerSentEvent
from conformance.errors import CheckFailed
from conformance.traffic.exchange import ObservedRequest, ObservedResponse
from conformance.traffic.server_rules import RUN_NAMES, Judgement, ServerRules, contradictions
from conformance.vocabulary import FINISHED, Level, Status

# Seconds after which a stream without an event or a comment counts as silent, with a margin.
MAX_SILENCE = 31.0
MAX_EVENTS = 5_000
# A line without an end is cut off here: the parser keeps it.
MAX_LINE = 4 * 1024 * 1024


@dataclass(slots=True)
class EventLog:
    """The events of one run in the order of its streams, by id, each with a hash of its data."""

    order: dict[str, int] = field(default_factory=dict)
    hashes: list[str] = field(default_factory=list)

    def position(self, event_id: str) -> int | None:
        """Return where the event is, if it is known."""
        return self.order.get(event_id)

    def append(self, event_id: str, digest: str) -> None:
        """Add the event that follows all others, within the bound."""
        if len(self.hashes) < MAX_EVENTS:
            self.order[event_id] = len(self.hashes)
            self.hashes.append(digest)


class StreamRules:
    """The judgement of one stream. Feed it the bytes as they come, and end it."""

    def __init__(
        self,
        rules: ServerRules,
        request: ObservedRequest,
        response: ObservedResponse,
        log: EventLog,
        *,
        live: bool,
    ) -> None:
        self._rules = rules
        self._log = log
        self._live = live
        self._opened = request.at
        self._last_at = response.at
        self._parser = Parser()
        self._faults = 0
        self._buffered = 0
        self._summary = f"{request.method} {request.path}"
        self._url = request.path
        self._resumes = "last-event-id" in request.values or "lasteventid" in request.query.lower()
        self._last_id = request.values.get("last-event-id", "")
        self._first = True
        self._from_start = False
        self._steps: dict[str, str] = {}
        self._ended = ""
        self._ids: set[str] = set()
        self._count = 0
        self.runs: list[dict[str, Any]] = []
        self.last_id = self._last_id
        self.has_ended = False

    def feed(self, chunk: bytes, at: float) -> Iterator[Judgement]:
        """Yield the judgements on bytes that came `at` this time."""
        if self._live and at - self._last_at > MAX_SILENCE:
            yield "EVENTS-11", self._failed(f"nothing came for {at - self._last_at:.0f} s")
        self._last_at = at
        self._buffered = 0 if b"\n" in chunk else self._buffered + len(chunk)
        if self._buffered > MAX_LINE:
            yield "EVENTS-02", self._failed(f"a line has more than {MAX_LINE} bytes")
            self._parser, self._buffered = Parser(), 0
        self._parser.feed(chunk, at)
        yield from self._parsed()

    def end(self, at: float, *, by_server: bool) -> Iterator[Judgement]:
        """Yield the judgements on the end: only a server may end a stream within an event."""
        if self._live and at - self._last_at > MAX_SILENCE:
            yield "EVENTS-11", self._failed(f"nothing came for {at - self._last_at:.0f} s")
        if by_server:
            self._parser.end()
            yield from self._parsed()

    def _failed(self, why: str, level: Level | None = None, location: str = "") -> CheckFailed:
        message = f"{self._summary}: {why}"
        return CheckFailed(message, level=level, contract_location=location)

    def _parsed(self) -> Iterator[Judgement]:
        events, self._parser.events = self._parser.events, []
        faults, self._parser.faults = self._parser.faults, []
        for fault in faults[:3]:
            yield "EVENTS-02", self._failed(fault)
        for event in events:
            if not faults:
                yield "EVENTS-02", None
            yield from self._event(event)

    def _event(self, event: ServerSentEvent) -> Iterator[Judgement]:
        self._count += 1
        try:
            value = event.json()
        except ValueError as error:
            why = f"the data {event.data[:80]!r} is not JSON: {error}"
            yield "EVENTS-03", self._failed(why)
            return
        yield "EVENTS-03", None
        faults = self._rules.schema_faults("RunEvent", value)
        for fault in faults[:4]:
            why = f"the event {event.event!r}: {fault.message}"
            yield "EVENTS-15", self._failed(why, fault.level, fault.contract_location)
        if not faults:
            yield "EVENTS-15", None
        if event.id is not None and "id" in event.lines:
            yield from self._identity(event)
        for each in run_events([event]):
            yield from self._order(each)
            if each.run is not None:
                self.runs.append(each.run)
                data = b"data: " + event.data.replace("\n", " ").encode() + b"\n\n"
                kind = {"content-type": "text/event-stream"}
                shown = Response("GET", self._url, 200, kind, data, 0.0, 0)
                yield from contradictions(shown, RUN_NAMES)

    def _identity(self, event: ServerSentEvent) -> Iterator[Judgement]:
        """Compare the event with those of other streams of the run."""
        event_id, first = event.id or "", self._first
        self._first = False
        digest = sha256(f"{event.event}\n{event.data}".encode()).hexdigest()
        if event_id in self._ids:
            yield "EVENTS-08", self._failed(f"the event with id {event_id!r} came twice")
            return
        if len(self._ids) < MAX_EVENTS:
            self._ids.add(event_id)
        name = "EVENTS-07" if first and self._resumes else "EVENTS-08"
        if first and self._resumes and event_id == self._last_id:
            yield name, self._failed(f"Last-Event-ID was {event_id!r}, and that event came again")
            return
        before, here = self._log.position(self.last_id), self._log.position(event_id)
        if before is not None and here is not None:
            gap = here != before + 1
            why = f"the event {event_id!r} came after {self.last_id!r}: another stream had"
            why += " events between them" if here > before else " them in the other order"
            yield name, self._failed(why) if gap else None
        if here is not None and self._log.hashes[here] != digest:
            why = f"the event {event_id!r} has other data than in another stream"
            yield "EVENTS-16", self._failed(why)
        elif here is not None:
            yield "EVENTS-16", None
        newest = before is not None and before == len(self._log.hashes) - 1
        if here is None and (newest or (first and not self._resumes and not self._log.hashes)):
            self._log.append(event_id, digest)
        self.last_id = event_id

    def _order(self, event: RunEvent) -> Iterator[Judgement]:
        """No step ends before it starts or starts twice, and nothing follows the end of a run but
        its retry."""
        status = None if event.run is None else event.run.get("status")
        if self._count == 1:
            self._from_start = not self._resumes and event.outcome == "created"
        if self._ended:
            if status in FINISHED or (status is None and event.outcome != "retried"):
                yield "EVENTS-06", self._failed(f"{event.kind} follows {self._ended}")
                if event.ends_run:
                    why = f"a second terminal event, {event.kind}, follows {self._ended}"
                    yield "EVENTS-04", self._failed(why)
                return
            # A new attempt: which steps start again is open.
            self._ended, self._steps, self._from_start = "", {}, False
        if event.ends_run and (status is None or status in FINISHED):
            self._ended = event.kind
            self.has_ended = True
            yield "EVENTS-04", None
        else:
            self.has_ended = False
        yield from self._step(event)

    def _step(self, event: RunEvent) -> Iterator[Judgement]:
        key, outcome = event.step_key, event.outcome
        if key is None:
            return
        before = self._steps.get(key)
        failure = None
        if outcome == "started" and before in ("started", "completed"):
            failure = self._failed(f"the step {key!r} starts, and it was {before} before")
        elif outcome == "completed" and before != "started" and (before or self._from_start):
            failure = self._failed(f"the step {key!r} completes, and it was {before or 'pending'}")
        if outcome in ("started", "completed", Status.FAILED, "reset"):
            yield "EVENTS-06", failure
            self._steps[key] = str(outcome)
