"""A connection of one process of several: requests for worlds of others go to their owners."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from mock_server.cluster.forwarded_field import ASKED, FORWARDED, WHY
from mock_server.cluster.forwarding import Forward, Forwarder
from mock_server.cluster.ownership import Owner, Peer, UnknownOwnerError
from mock_server.cluster.sent_fields import SentFields
from mock_server.connection import Connection
from mock_server.journal.exchange import Headers
from mock_server.lean_event import LeanEvent

Route = Peer | ASGIApp | None
"""Who responds: a peer, an application in place of the mock, or the mock itself."""


_UNKNOWN_PEER = JSONResponse(
    {"detail": "X-Mock-Forwarded: expected the secret of the peers, got another. Repeat it later."},
    503,
    {"Retry-After": "1"},
)


class Router(Protocol):
    """Decides who responds to a request."""

    assumes: bool
    """Whether a peer that ``route`` returns need not be the owner, and says so then."""

    def route(self, scope: Any) -> Route | asyncio.Future[Owner]:
        """Return the route of a request that came from a client."""

    def between_peers(self, scope: Any) -> ASGIApp | None:
        """Return what responds to a request that came from a peer; None for the mock."""


HandOver = Callable[["ClusterConnection", Peer, bytes], bool]
"""Gives a connection with the bytes that were read to a peer; returns whether it did."""


class ClusterConnection(Connection):
    """As ``Connection``, with ``router`` and ``forwarder`` for requests of clients.

    A request that a peer has forwarded is always served here, so no request goes in circles. One
    with another secret is refused: as the request of a client, it would seem to be the peer's own.
    """

    __slots__ = (
        "_forwarder",
        "_given_away",
        "_hand_over",
        "_received",
        "_router",
        "_routing",
        "draining",
        "forwarding",
        "sent",
    )

    def __init__(
        self,
        *args: Any,
        router: Router,
        forwarder: Forwarder,
        hand_over: HandOver | None = None,
        received: bytes = b"",
        **options: Any,
    ) -> None:
        """``received`` are bytes that a peer has read from a connection that it handed over."""
        super().__init__(*args, **options)
        self._router = router
        self._forwarder = forwarder
        self._hand_over = hand_over
        self._received = received
        if hand_over is not None and not received:
            self._begin_of_data = b""
        self._routing: set[asyncio.Task[None]] = set()
        self._given_away = self.draining = False
        self.forwarding: Forward | None = None
        self.sent: SentFields | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        received, self._received = self._received, b""
        if received:
            self.data_received(received)

    def drain(self) -> None:
        """Close the connection after the next response, or the one in progress."""
        self.draining = True
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.forwarding is not None:
            self.forwarding.drained()

    def _respond(self, cycle: Any, app: Any) -> None:
        read, self._begin_of_data = self._begin_of_data, None
        if self.draining:
            cycle.keep_alive = False
        scope = cycle.scope
        headers = scope["headers"]
        if headers and headers[0][0] == FORWARDED:
            known = self._forwarder.accept(scope)
            inner: Any = self._router.between_peers(scope) if known else _UNKNOWN_PEER
            inner = app if inner is None else inner
            if known and scope["extensions"][WHY] == ASKED:
                inner = self._forwarder.endings.with_proof(inner)
            self._start_asgi_task(cycle, inner)
            return
        route = self._router.route(scope)
        if route is None:
            self._start_asgi_task(cycle, app)
        elif isinstance(route, Peer):
            if read is None or not self._handed_over(route, read):
                self._forwarder.forward(self, cycle, route, assumed=self._router.assumes)
        elif isinstance(route, asyncio.Future):
            self._start_when(cycle, app, route)
        else:
            other: Any = route
            self._start_asgi_task(cycle, other)

    def _fields_of_client(self) -> Headers:
        forwarded = bool(self.headers) and self.headers[0][0] == FORWARDED
        return self.headers[1:] if forwarded else self.headers

    def _handed_over(self, peer: Peer, read: bytes) -> bool:
        # A piece of the data is parsed at a time.
        return self._hand_over is not None and self._hand_over(self, peer, read + self._unread)

    def start_later(self, cycle: Any, owner: asyncio.Future[Owner]) -> None:
        """Start a request again whose owner could not be reached."""
        cycle.message_event = LeanEvent()
        if cycle.body or not cycle.more_body:
            cycle.message_event.set()
        self._start_when(cycle, self.app, owner)

    def _start_when(self, cycle: Any, app: Any, owner: asyncio.Future[Owner]) -> None:
        task = self.loop.create_task(self._start(cycle, app, owner))
        self._routing.add(task)
        task.add_done_callback(self._routing.discard)

    async def _start(self, cycle: Any, app: Any, owner: asyncio.Future[Owner]) -> None:
        try:
            peer = await owner
        except UnknownOwnerError as error:
            if not cycle.disconnected:
                self.unavailable(str(error))
            return
        if cycle.disconnected:
            return
        if peer is None:
            self._start_asgi_task(cycle, app)
        else:
            self._forwarder.forward(self, cycle, peer)

    def unavailable(self, reason: str, *, repeatable: bool = True) -> None:
        """Respond 503, with ``Retry-After`` if it is repeatable, and close the connection."""
        if not (self._ended or self._given_away or self.transport.is_closing()):
            self._end_with(503, reason, repeatable=repeatable)

    def give_away(self) -> None:
        """Forget the connection, which another process has taken over."""
        self._rejected = self._given_away = True
        self._unread = b""
        self.transport.abort()

    def _reject(self, status: int, reason: str) -> None:
        # The parser still reads the present piece; what is wrong in it is for the other process,
        # and the end of the data would be that of its socket, too.
        if not self._given_away:
            super()._reject(status, reason)
