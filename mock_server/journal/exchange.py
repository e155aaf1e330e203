"""One request and its response, and why the response is what it is.

An exchange begins when a request arrives and joins a journal when its response starts. The layers
fill it in: the operation, the credential, the validation errors, the open question on which the
response depends. Its number is in the response header ``X-Mock-Request``.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Any, Protocol

from starlette.types import Message, Scope, Send

from mock_server.engine.behaviour import Behaviour
from mock_server.engine.clock import SECOND, monotonic, to_http_date, wall
from mock_server.errors import ErrorDetail
from mock_server.journal.coverage import Coverage
from mock_server.public_address import DIRECT, PUBLIC, PublicAddress

EXCHANGE = "mock_server.journal.exchange"
"""The key of the exchange in an ASGI scope."""

HEADER = b"x-mock-request"

VARY = (b"vary", b"Origin")
"""Every response depends on the origin: with one it has CORS headers."""

MAX_RECORDED_BODY = 8_192
"""Bytes of a request body that an exchange keeps, so that a journal stays small."""

_OVERHEAD = 1_000
"""The bytes of an exchange without the texts of the request, about."""

Headers = list[tuple[bytes, bytes]]
"""Header fields as in an ASGI scope: lower-case names, raw values."""


class ExchangeStore(Protocol):
    """The journal that an exchange joins when its response starts."""

    @property
    def coverage(self) -> Coverage: ...

    def append(self, exchange: "Exchange", /) -> None: ...


class ExchangeCounter(Protocol):
    """The metrics that count an exchange when it ends."""

    def count(self, exchange: "Exchange") -> None: ...


class _EndListener:
    """Counts an exchange as ``counter`` does, and then calls each of ``calls`` with it."""

    def __init__(self, counter: ExchangeCounter) -> None:
        self._counter = counter
        self.calls: list[Callable[[Exchange], None]] = []

    def count(self, exchange: "Exchange") -> None:
        self._counter.count(exchange)
        for call in self.calls:
            call(exchange)


class Exchange:
    """A request, and the response as far as it was sent.

    ``started`` and ``ended`` are real seconds; ``at`` is the world's instant, None before a world
    was found. ``body`` is that of the request, None where it was not read or is too large to be
    kept. ``bytes_sent`` counts the bytes of the response's body; ``extra_headers`` are added
    to the response. ``credential`` is the security scheme that opened the tenant's world,
    ``backend`` the URL of the real one that responded.
    """

    # The initial values are on the class: to set them on each instance would take longer.
    ended: float | None = None
    at: int | None = None
    operation: str | None = None
    tenant: str | None = None
    credential: str | None = None
    status: int | None = None
    bytes_sent = 0
    body: bytes | None = None
    reason: str | None = None
    question: str | None = None
    errors: Sequence[ErrorDetail] = ()
    faults: tuple[str, ...] = ()
    backend: str | None = None
    extra_headers: tuple[tuple[bytes, bytes], ...] = ()
    size = 0
    """The bytes that the journal counts for it."""
    rendered: dict[str, Any] | None = None
    """The entry of the journal, where another process has rendered it."""

    def __init__(
        self,
        number: int,
        scope: Scope,
        send: Send,
        behaviour: Behaviour,
        journal: ExchangeStore,
        counter: ExchangeCounter,
    ) -> None:
        self._send: Send | None = send
        self._counter = counter
        self.number = number
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: Headers = scope["headers"]
        self.public: PublicAddress = scope.get(PUBLIC, DIRECT)
        self._server: tuple[str, int] | None = scope.get("server")
        self.behaviour = behaviour
        self.journal = journal
        self.started = monotonic()

    @property
    def base_url(self) -> str:
        """The base URL of the mock, as the client sees it."""
        return self.public.base_url(self.headers, self._server)

    def send(self, message: Message) -> Awaitable[None]:
        """Send a part of the response; add the exchange's number to its headers."""
        send = self._send
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.journal.append(self)
            number = (HEADER, b"%d" % self.number)
            # The date of the world, so that it agrees with the headers of rate limits.
            date = (b"date", to_http_date((wall() if self.at is None else self.at) // SECOND))
            message["headers"] = [
                date,
                *message.get("headers", ()),
                number,
                VARY,
                *self.extra_headers,
            ]
        else:
            self.bytes_sent += len(message.get("body", b""))
            if not message.get("more_body"):
                self.end()  # First, so that a client with the response finds the entry complete.
        return _discard() if send is None else send(message)

    def on_end(self, call: Callable[["Exchange"], None]) -> None:
        """Call ``call`` once when the exchange ends."""
        if not isinstance(self._counter, _EndListener):
            self._counter = _EndListener(self._counter)
        if call not in self._counter.calls:
            self._counter.calls.append(call)

    def forget_end(self, call: Callable[["Exchange"], None]) -> None:
        """Do not call ``call``."""
        if isinstance(self._counter, _EndListener) and call in self._counter.calls:
            self._counter.calls.remove(call)

    def measure(self) -> int:
        """Set and return ``size``: the bytes of the request that the exchange keeps."""
        size = _OVERHEAD + len(self.path) + len(self.query)
        size += sum(map(len, chain.from_iterable(self.headers)))
        if self.body is not None:
            size += len(self.body)
        for detail in self.errors:
            size += len(detail.msg) + sum(map(len, detail.loc))
        self.size = size
        return size

    def release(self) -> None:
        """Drop the connection: the server refers to the exchange, and a circle of references
        would keep the request's memory."""
        self._send = None

    def end(self) -> None:
        """End the exchange unless it has ended; discard what is sent later."""
        if self.ended is not None:
            return
        if self.status is None:  # Ended before the response started.
            self.journal.append(self)
        self.ended = monotonic()
        self._send = None
        self._counter.count(self)


async def _discard() -> None:
    """Discard a message that is sent after the end."""
