"""One request and its answer: what was asked, what was answered, and why.

An exchange begins when a request arrives and joins a journal when its answer begins. On the way it
learns which operation was matched, whose credential it was, what was wrong with it and which open
question its answer hangs on; its number is in the answer's ``X-Mock-Request`` header.
"""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from starlette.types import Message, Scope, Send

from mock_server.engine.behaviour import Behaviour
from mock_server.engine.clock import monotonic
from mock_server.errors import ErrorDetail
from mock_server.journal.coverage import Coverage

EXCHANGE = "mock_server.journal.exchange"
HEADER = b"x-mock-request"


class ExchangeStore(Protocol):
    """What an exchange joins when its answer begins, and what it covered is told to."""

    @property
    def coverage(self) -> Coverage: ...

    def append(self, exchange: "Exchange", /) -> None: ...


class ExchangeCounter(Protocol):
    """What is told of an exchange when it is over."""

    def count(self, exchange: "Exchange") -> None: ...


class Exchange:
    """What is known of a request, and of the answer as far as it was sent.

    ``began`` and ``ended`` are real seconds; ``at`` is the world's instant, None before a world was
    found. ``sent`` counts bytes of the answer's body; ``added`` are headers that the answer gets on
    its way. ``credential`` is the security scheme that opened the tenant's world.
    """

    # On the class what a request has before anything is known of it: to set it on each takes long.
    ended: float | None = None
    at: int | None = None
    operation: str | None = None
    tenant: str | None = None
    credential: str | None = None
    status: int | None = None
    sent = 0
    reason: str | None = None
    question: str | None = None
    flaws: Sequence[ErrorDetail] = ()
    faults: tuple[str, ...] = ()
    added: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(
        self,
        number: int,
        scope: Scope,
        send: Send,
        behaviour: Behaviour,
        journal: ExchangeStore,
        counts: ExchangeCounter,
    ) -> None:
        self._send: Send | None = send
        self._counts = counts
        self.number = number
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.behaviour = behaviour
        self.journal = journal
        self.began = monotonic()

    def send(self, message: Message) -> Awaitable[None]:
        """Send a part of the answer; its first part is given the exchange's number."""
        send = self._send
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.journal.append(self)
            number = (HEADER, b"%d" % self.number)
            message["headers"] = [*message.get("headers", ()), number, *self.added]
        else:
            self.sent += len(message.get("body", b""))
            if not message.get("more_body"):
                self.end()  # Before the last part is sent: who has read it finds it all told.
        return _nowhere() if send is None else send(message)

    def end(self) -> None:
        """The exchange is over, if it was not; nothing more can be sent."""
        if self.ended is not None:
            return
        if self.status is None:  # Broken off before its answer began.
            self.journal.append(self)
        self.ended = monotonic()
        self._send = None
        self._counts.count(self)


async def _nowhere() -> None:
    """What is sent when the exchange is over."""
