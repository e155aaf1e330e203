"""Report the exchanges of one connection to the judging process, after their bytes were passed on.
Only those of the contract are reported; of the others only their number."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from conformance.proxy.channel import Channel, Kind
from conformance.proxy.framing import Body, End, Head, Opaque, Part
from conformance.vocabulary import ROOT

MAX_BODY = 8 * 1024 * 1024
_ROOT = ROOT.encode()


@dataclass(slots=True)
class Totals:
    """What all connections have passed on: exchanges within the contract that could not be
    reported, and requests about something else."""

    lost: int = 0
    other: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """A request whose response has not come. `host` is the Host of the client."""

    method: str
    host: bytes
    reported: bool


class Tee:
    """One connection."""

    def __init__(self, channel: Channel, number: int, totals: Totals) -> None:
        self._channel = channel
        self._number = number
        self._totals = totals
        self._lost = False
        self._request_bytes = 0
        self._response_bytes = 0
        self._requesting = False
        self._responding = False
        self._interim = False
        self._stream = False
        self.pending: deque[Pending] = deque()
        self.current: Pending | None = None

    @property
    def idle(self) -> bool:
        """Whether every request has its complete response."""
        return not self.pending and self.current is None

    @property
    def host(self) -> bytes:
        """The Host of the request that the next response is for."""
        return self.pending[0].host if self.pending else b""

    def request(self, part: Part) -> None:
        """Take note of a part that the client sent."""
        match part:
            case Head():
                hosts = part.values(b"host")
                self._requesting = self._begin(part)
                self.pending.append(
                    Pending(part.method, hosts[0] if hosts else b"", self._requesting)
                )
                self._request_bytes = 0
            case Body() if self._requesting and part.data:
                self._request_bytes += len(part.data)
                if self._request_bytes > MAX_BODY:
                    self._send(Kind.TRUNCATED_REQUEST)
                else:
                    self._send(Kind.REQUEST_BODY, part.data)
            case End() if self._requesting:
                self._send(Kind.REQUEST_END)
                self._requesting = False
            case Opaque() if part.why:
                self._send(Kind.MALFORMED, part.why.encode())

    def response(self, part: Part) -> None:
        """Take note of a part that the target sent."""
        match part:
            case Head() if part.interim:
                self._interim = True
            case Head():
                self.current = self.pending.popleft() if self.pending else None
                self._responding = self.current is not None and self.current.reported
                self._response_bytes = 0
                kinds = b"".join(part.values(b"content-type")).lower()
                self._stream = kinds.startswith(b"text/event-stream")
                if self._responding:
                    self._send(Kind.RESPONSE_HEAD, part.raw)
                if part.status == 101:
                    self._send(Kind.SWITCHED)
            case Body() if self._responding and part.data:
                self._response_bytes += len(part.data)
                if self._response_bytes > MAX_BODY and not self._stream:
                    self._send(Kind.TRUNCATED_RESPONSE)
                else:
                    self._send(Kind.RESPONSE_BODY, part.data)
            case Opaque() if part.why:
                self._send(Kind.MALFORMED_RESPONSE, part.why.encode())
            case End() if self._interim:
                self._interim = False
            case End():
                if self._responding:
                    self._send(Kind.RESPONSE_END)
                self.current, self._responding = None, False

    def unreachable(self, why: str) -> None:
        """Take note that the target could not be reached."""
        self._send(Kind.UNREACHABLE, why.encode())
        self.pending.clear()

    def enforced(self, why: str) -> None:
        """Take note that the proxy itself has rejected the latest request."""
        self._send(Kind.ENFORCED, why.encode())
        self._requesting = False
        if self.pending:
            self.pending.pop()

    def closed(self, by: str) -> None:
        """Take note of the end of the connection; `by` is client, target or proxy."""
        if self._lost:
            self._channel.send_always(Kind.DROPPED, self._number)
        self._channel.send_always(Kind.CLOSED, self._number, by.encode())

    def _begin(self, head: Head) -> bool:
        """Report a request; return whether its exchange is reported."""
        if _ROOT not in head.target:
            self._totals.other += 1
            return False
        if self._lost and self.idle:
            self._lost = not self._channel.send(Kind.DROPPED, self._number)
        if self._lost or not self._send(Kind.REQUEST_HEAD, head.raw):
            self._totals.lost += 1
            return False
        return True

    def _send(self, kind: Kind, data: bytes = b"") -> bool:
        """Send a message. If the queue is full, drop what follows until a new exchange begins."""
        if self._lost:
            return False
        if not self._channel.send(kind, self._number, data):
            self._lost = True
            self._totals.lost += sum(each.reported for each in self.pending)
            self._totals.lost += self.current is not None and self.current.reported
            return False
        return True
