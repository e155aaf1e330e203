"""Put exchanges together again from the messages of the relay, and judge each when it is complete;
event streams while they go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from conformance.client.decompression import DecompressionError, decompressed
from conformance.proxy.channel import Kind, Message
from conformance.proxy.framing import Framer, Head
from conformance.traffic.exchange import (
    ObservedExchange,
    ObservedRequest,
    ObservedResponse,
    pairs,
)
from conformance.traffic.judge import Judge, JudgedStream

# Bytes of bodies that are kept at a time, of all connections, and of one body when it is unpacked.
MAX_KEPT = 128 * 1024 * 1024
MAX_UNPACKED = 32 * 1024 * 1024
_UNCHANGED = ("", "identity")


@dataclass(slots=True)
class _Open:
    """An exchange that is not complete."""

    request: ObservedRequest
    body: list[bytes] = field(default_factory=list)
    size: int = 0
    truncated: bool = False
    ended: bool = False


@dataclass(slots=True)
class _Line:
    """A connection: the requests without a response, and the response that is under way."""

    waiting: deque[_Open] = field(default_factory=deque)
    current: _Open | None = None
    response: ObservedResponse | None = None
    body: list[bytes] = field(default_factory=list)
    size: int = 0
    truncated: bool = False
    stream: JudgedStream | None = None


class Observer:
    """Takes the messages of one relay. `log` is called with each exchange that is complete."""

    def __init__(self, judge: Judge, log: Callable[[ObservedExchange], None] | None = None) -> None:
        self._judge = judge
        self._log = log
        self._lines: dict[int, _Line] = {}
        self._kept = 0
        self.enforced = 0
        self.unreachable = ""

    def take(self, message: Message) -> None:  # noqa: PLR0912 - one case for each kind
        """Take a message."""
        number, at, data = message.connection, message.at, message.data
        counts = self._judge.counts
        line = self._lines.setdefault(number, _Line()) if number else _Line()
        match message.kind:
            case Kind.REQUEST_HEAD:
                self._request(line, number, at, data)
            case Kind.REQUEST_BODY if line.waiting or line.current:
                self._request_body(line, data)
            case Kind.REQUEST_END if line.waiting or line.current:
                self._last(line).ended = True
            case Kind.TRUNCATED_REQUEST if line.waiting:
                line.waiting[-1].truncated = True
            case Kind.RESPONSE_HEAD if line.waiting:
                self._response(line, at, data)
            case Kind.RESPONSE_BODY if line.response is not None:
                self._response_body(line, at, data)
            case Kind.TRUNCATED_RESPONSE:
                line.truncated = True
            case Kind.RESPONSE_END if line.response is not None:
                self._complete(line, at, complete=True, note="", by_server=True)
            case Kind.UNREACHABLE:
                self.unreachable = data.decode("utf-8", "replace")
                while line.waiting:
                    self._without_response(line.waiting.popleft(), self.unreachable)
            case Kind.ENFORCED if line.waiting:
                self.enforced += 1
                self._without_response(line.waiting.pop(), "rejected by the proxy (--enforce)")
            case Kind.MALFORMED:
                self._malformed(line, number, data)
            case Kind.MALFORMED_RESPONSE:
                counts.skip("responses that are not HTTP/1.1")
            case Kind.SWITCHED:
                counts.skip("upgraded connections, such as websockets")
            case Kind.CLOSED:
                self._closed(line, at, data.decode())
                self._lines.pop(number, None)
            case Kind.DROPPED:
                self._forget(line)
            case Kind.LOST:
                counts.not_observed += int(data)
            case Kind.OTHER:
                counts.other += int(data)
            case _:
                pass

    def _request(self, line: _Line, number: int, at: float, data: bytes) -> None:
        (head, *_) = Framer().feed(data)
        if isinstance(head, Head):
            request = observed_request(head, at, f"connection {number}")
            line.waiting.append(_Open(request))
            self._judge.sent(request)

    def _request_body(self, line: _Line, data: bytes) -> None:
        request = self._last(line)
        if request.truncated:
            return
        request.truncated = not self._keep(len(data))
        if not request.truncated:
            request.body.append(data)
            request.size += len(data)

    def _last(self, line: _Line) -> _Open:
        """Return the latest request: its response may have begun before its end."""
        if not line.waiting and line.current is not None:
            return line.current
        return line.waiting[-1]

    def _response(self, line: _Line, at: float, data: bytes) -> None:
        line.current = line.waiting.popleft()
        (head, *_) = Framer(methods=deque([line.current.request.method])).feed(data)
        if not isinstance(head, Head):
            return
        headers = pairs((n.decode("latin-1"), v.decode("latin-1")) for n, v in head.headers)
        line.response = ObservedResponse(head.status, headers, b"", at, at)
        encoding = line.response.values.get("content-encoding", "").strip().lower()
        place = line.current.request.place
        if line.response.is_stream and place is not None and encoding in _UNCHANGED:
            request = self._finished_request(line.current)
            line.stream = self._judge.stream(request, line.response)

    def _response_body(self, line: _Line, at: float, data: bytes) -> None:
        if line.stream is not None:
            line.stream.feed(data, at)
            if self._log is None:
                return
        if not line.truncated:
            line.truncated = not self._keep(len(data))
        if not line.truncated:
            line.body.append(data)
            line.size += len(data)

    def _complete(
        self, line: _Line, at: float, *, complete: bool, note: str, by_server: bool
    ) -> None:
        current, response = line.current, line.response
        if current is None or response is None:
            return
        body, seen_headers = self._unpacked(line, response)
        whole = replace(
            response,
            headers=seen_headers,
            body=body,
            end=at,
            complete=complete and body is not None,
        )
        request = self._finished_request(current)
        exchange = ObservedExchange(request, whole, note)
        if line.stream is not None:
            line.stream.end(at, by_server=by_server)
        else:
            self._judge.exchange(exchange)
        self._write(exchange)
        self._release(line.size + current.size)
        line.current = line.response = line.stream = None
        line.body, line.size, line.truncated = [], 0, False

    def _unpacked(
        self, line: _Line, response: ObservedResponse
    ) -> tuple[bytes | None, tuple[tuple[str, str], ...]]:
        """Return the body as it was before it was compressed, and the headers that fit it."""
        if line.truncated:
            return None, response.headers
        encoding = response.values.get("content-encoding", "")
        if encoding.strip().lower() in _UNCHANGED or not line.body:
            return b"".join(line.body), response.headers
        body, size = [], 0
        try:
            for part in decompressed(iter(line.body), encoding):
                body.append(part)
                size += len(part)
                if size > MAX_UNPACKED:
                    return None, response.headers
        except DecompressionError:
            return None, response.headers
        kept = tuple(pair for pair in response.headers if pair[0] != "content-encoding")
        return b"".join(body), kept

    def _closed(self, line: _Line, at: float, by: str) -> None:
        note = f"the {by} closed the connection"
        if line.response is not None:
            # An end without an announced length is complete; that was reported before.
            self._complete(line, at, complete=False, note=note, by_server=by == "target")
        while line.waiting:
            self._without_response(line.waiting.popleft(), note)

    def _without_response(self, seen: _Open, note: str) -> None:
        exchange = ObservedExchange(self._finished_request(seen), None, note)
        self._judge.exchange(exchange)
        self._write(exchange)
        self._release(seen.size)

    def _finished_request(self, seen: _Open) -> ObservedRequest:
        body = b"".join(seen.body) if seen.ended and not seen.truncated else None
        return replace(seen.request, body=body)

    def _malformed(self, line: _Line, number: int, data: bytes) -> None:
        """The end of a request cannot be found, or what came is not a request."""
        why = data.decode("utf-8", "replace")
        if line.waiting:
            seen = line.waiting[-1]
            seen.request = replace(seen.request, malformed=(*seen.request.malformed, why))
        else:
            self._judge.malformed(f"connection {number}", why)

    def _forget(self, line: _Line) -> None:
        self._release(line.size + sum(each.size for each in line.waiting))
        line.waiting.clear()
        line.current = line.response = line.stream = None
        line.body, line.size, line.truncated = [], 0, False

    def _keep(self, size: int) -> bool:
        if self._kept + size > MAX_KEPT:
            return False
        self._kept += size
        return True

    def _release(self, size: int) -> None:
        self._kept -= size

    def _write(self, exchange: ObservedExchange) -> None:
        if self._log is not None:
            self._log(exchange)


def observed_request(head: Head, at: float, where: str) -> ObservedRequest:
    """Return a request without its body."""
    headers = pairs((n.decode("latin-1"), v.decode("latin-1")) for n, v in head.headers)
    target = head.target.decode("latin-1")
    return ObservedRequest(
        head.method, target, headers, b"", at, where, malformed=tuple(head.faults)
    )
