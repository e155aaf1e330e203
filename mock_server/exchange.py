"""One request and its answer: what was asked, what was answered, and why.

An exchange begins when a request arrives and is kept in the journal when it is over. On the way it
learns which operation was matched, whose credential it was, what was wrong with it and which open
question its answer hangs on; its number is in the answer's ``X-Mock-Request`` header.
"""

from starlette.types import Message, Scope, Send

from mock_server.behaviour import Behaviour
from mock_server.clock import monotonic
from mock_server.errors import Flaw

EXCHANGE = "mock_server.exchange"
HEADER = b"x-mock-request"


class Exchange:
    """What is known of a request, and of the answer as far as it was sent.

    ``began`` and ``ended`` are real seconds; ``at`` is the world's instant, None before a world was
    found. ``sent`` counts bytes of the answer's body; ``added`` are headers that the answer gets on
    its way.
    """

    __slots__ = (
        "_send",
        "added",
        "at",
        "began",
        "behaviour",
        "ended",
        "faults",
        "flaws",
        "headers",
        "method",
        "number",
        "operation",
        "path",
        "query",
        "question",
        "reason",
        "sent",
        "status",
        "tenant",
    )

    def __init__(self, number: int, scope: Scope, send: Send, behaviour: Behaviour) -> None:
        self._send: Send | None = send
        self.number = number
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.behaviour = behaviour
        self.began = monotonic()
        self.ended: float | None = None
        self.at: int | None = None
        self.operation: str | None = None
        self.tenant: str | None = None
        self.status: int | None = None
        self.sent = 0
        self.reason: str | None = None
        self.question: str | None = None
        self.flaws: list[Flaw] = []
        self.faults: tuple[str, ...] = ()
        self.added: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, message: Message) -> None:
        """Send a part of the answer; its first part is given the exchange's number."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            number = (HEADER, b"%d" % self.number)
            message = {**message, "headers": [*message.get("headers", ()), number, *self.added]}
        else:
            self.sent += len(message.get("body", b""))
        if self._send is not None:
            await self._send(message)

    def end(self) -> None:
        """The exchange is over; nothing more can be sent."""
        self.ended = monotonic()
        self._send = None
