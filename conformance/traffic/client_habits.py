"""Judge what a client does over time: whether it waits when it is asked to, and how it reconnects
to event streams."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from conformance.errors import CheckFailed
from conformance.traffic.exchange import ObservedRequest, ObservedResponse, Place
from conformance.traffic.server_rules import Judgement
from conformance.vocabulary import Operation

_MAX_KEPT = 2_000
# A client may have sent a request before the response reached it, and clocks tick.
_MARGIN = 0.5
_MAX_WAIT = 3_600
# Seconds within which a new request for a stream is a reconnection.
_RECONNECTION = 20.0


class ClientHabits:
    """What is known of each client, which its credential identifies."""

    def __init__(self) -> None:
        self._waits: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._streams: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._stops: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def judge(
        self, request: ObservedRequest, place: Place, response: ObservedResponse | None
    ) -> Iterator[Judgement]:
        """Yield the judgements on a request by what the client received before."""
        if request.hidden or request.method == "OPTIONS":
            return
        yield from self._patience(request)
        if place.operation is Operation.EVENTS and request.method == "GET":
            yield from self._reconnection(request)
        if response is not None:
            self._note(request, place, response)

    def stream_cut(self, request: ObservedRequest, last_id: str, at: float) -> None:
        """Take note of a stream that the server ended before its run did, and of its last id."""
        if last_id and not request.hidden:
            self._streams[_stream_key(request)] = (at, last_id)
            _trim(self._streams)

    def _patience(self, request: ObservedRequest) -> Iterator[Judgement]:
        until = self._waits.get(_request_key(request))
        if until is None:
            return
        received, end = until
        if request.at <= received:
            return
        why = f"it came {request.at - received:.1f} s after a response with Retry-After of "
        why += f"{end - received:.0f} s"
        failure = CheckFailed(f"{request.method} {request.path}: {why}")
        yield "CLIENT-12", failure if request.at < end - _MARGIN else None
        del self._waits[_request_key(request)]

    def _reconnection(self, request: ObservedRequest) -> Iterator[Judgement]:
        key, summary = _stream_key(request), f"GET {request.path}"
        sent = _last_event_id(request)
        at, last_id = self._stops.get(key, (0.0, ""))
        if sent and sent == last_id and at < request.at < at + _RECONNECTION:
            why = f"it reconnects with Last-Event-ID {sent[:80]!r}, for which it got a 204"
            yield "CLIENT-13", CheckFailed(f"{summary}: {why}")
        at, last_id = self._streams.pop(key, (0.0, ""))
        # Later it is rather a new page than a reconnection.
        if last_id and at < request.at < at + _RECONNECTION:
            why = f"it reconnects without Last-Event-ID; the last event was {last_id[:80]!r}"
            yield "CLIENT-14", None if sent else CheckFailed(f"{summary}: {why}")

    def _note(self, request: ObservedRequest, place: Place, response: ObservedResponse) -> None:
        wait = response.values.get("retry-after", "")
        limited = response.status in (429, 503) and wait.isascii() and wait.isdecimal()
        if limited and 0 < int(wait[:6]) <= _MAX_WAIT:
            self._waits[_request_key(request)] = (response.end, response.end + int(wait))
            _trim(self._waits)
        if place.operation is Operation.EVENTS and response.status == 204:
            self._stops[_stream_key(request)] = (response.end, _last_event_id(request))
            _trim(self._stops)
        if place.operation is Operation.RETRY:
            self._stops.clear()


def _last_event_id(request: ObservedRequest) -> str:
    query = dict(parse_qsl(request.query.lower()))
    return request.values.get("last-event-id", "") or query.get("lasteventid", "")


def _stream_key(request: ObservedRequest) -> str:
    return _key(request, "GET", request.path)


def _request_key(request: ObservedRequest) -> str:
    return _key(request, request.method, request.target)


def _key(request: ObservedRequest, *parts: str) -> str:
    """Return a hash that identifies the client and a request; different clients may share a
    credential, so the user agent counts, too."""
    values = request.values
    names = ("authorization", "x-api-key", "cookie", "user-agent", "origin")
    text = "\n".join([*(values.get(name, "") for name in names), *parts])
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def _trim(kept: OrderedDict[str, Any]) -> None:
    if len(kept) > _MAX_KEPT:
        kept.popitem(last=False)
