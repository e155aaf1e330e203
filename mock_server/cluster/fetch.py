"""Asking a peer for a complete response, such as a part of one that is merged."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import httptools
import orjson

from mock_server.cluster.endings import Endings
from mock_server.cluster.forwarded_field import ASKED
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.ownership import Peer
from mock_server.errors import HttpError
from mock_server.journal.exchange import Headers

_PER_CONNECTION = frozenset({b"connection", b"content-length", b"transfer-encoding", b"expect"})


PATIENCE = 20.0
"""Real seconds in which a peer has to respond completely: a process that is stopped keeps its
connections."""

SOON = 2.0
"""Real seconds in which a peer has to respond that may be left out."""


class Reply(NamedTuple):
    """A complete response."""

    status: int
    headers: Headers
    body: bytes


async def fetch(
    peer: Peer,
    forwarder: Forwarder,
    scope: Any,
    body: bytes,
    received: Callable[[bytes], None] | None = None,
) -> Reply:
    """Return the response of ``peer`` to the request; that to GET for HEAD. Raise OSError without
    one. ``received`` is called with each part of the body instead of keeping it."""
    method = b"GET" if scope["method"] == "HEAD" else scope["method"].encode()
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    headers = [field for field in scope["headers"] if field[0] not in _PER_CONNECTION]
    lines = [
        b"%b %b HTTP/1.1\r\n" % (method, target),
        forwarder.mark(scope, ASKED),
        *[b"%b: %b\r\n" % field for field in headers],
        b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body),
        body,
    ]
    made = await peer.connect(lambda: _Fetch(forwarder.endings, received))
    made.transport.write(b"".join(lines))
    try:
        return await made.reply
    finally:
        made.transport.abort()


async def fetch_all(
    peers: Sequence[Peer],
    forwarder: Forwarder,
    scope: Any,
    body: bytes = b"",
    patience: float = PATIENCE,
) -> list[Reply]:
    """Return the responses of all ``peers``. Raise HttpError (503) where one has none in so many
    seconds, or an error."""

    async def attempt(peer: Peer) -> Reply:
        try:
            async with asyncio.timeout(patience):
                reply = await fetch(peer, forwarder, scope, body)
        except OSError as error:
            reason = error.strerror or str(error) or "no response in time"
            text = f"{peer.name} does not respond: {reason}."
            raise HttpError(503, text, {"Retry-After": "1"}) from None
        if reply.status != HTTPStatus.OK:
            text = f"{peer.name} responds with {reply.status}: {_reason(reply)}"
            raise HttpError(503, text, {"Retry-After": "1"})
        return reply

    return await asyncio.gather(*map(attempt, peers))


async def fetch_some(
    peers: Sequence[Peer], forwarder: Forwarder, scope: Any, body: bytes = b""
) -> list[Reply]:
    """Return the responses of those of the ``peers`` that respond soon, and without an error."""

    async def attempt(peer: Peer) -> Reply | None:
        try:
            async with asyncio.timeout(SOON):
                reply = await fetch(peer, forwarder, scope, body)
        except OSError:
            return None
        return reply if reply.status == HTTPStatus.OK else None

    replies = await asyncio.gather(*map(attempt, peers))
    return [one for one in replies if one is not None]


def _reason(reply: Reply) -> str:
    try:
        detail = str(orjson.loads(reply.body)["detail"])
    except (ValueError, TypeError, KeyError):
        return "an error without a reason"
    if reply.status == HTTPStatus.UNAUTHORIZED:
        return "it has another control token"
    return detail


async def follow(
    peer: Peer, forwarder: Forwarder, scope: Any, received: Callable[[bytes], None]
) -> None:
    """Call ``received`` with each line of a response that does not end. Raise OSError when it
    does."""
    rest = b""

    def on_body(body: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + body).split(b"\n")
        for line in lines:
            received(line)

    await fetch(peer, forwarder, scope, b"", on_body)
    raise ConnectionError("it has ended")


class _Fetch(asyncio.Protocol):
    """One request; the connection is closed after the response."""

    transport: asyncio.Transport

    def __init__(self, endings: Endings, received: Callable[[bytes], None] | None) -> None:
        self._proof = endings.proof
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._headers: Headers = []
        self._body: list[bytes] = []
        self.on_body = self._body.append if received is None else received
        self._parser = httptools.HttpResponseParser(self)  # Looks for the methods now.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("it sends what is not HTTP")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._proof in self._headers:
            self._headers.remove(self._proof)
        else:
            self._fail("another service is there, or a mock with another secret")
            self.on_body = _nothing

    def on_message_complete(self) -> None:
        if not self.reply.done():
            status = self._parser.get_status_code()
            self.reply.set_result(Reply(status, self._headers, b"".join(self._body)))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("it has ended")

    def _fail(self, reason: str) -> None:
        if not self.reply.done():
            self.reply.set_exception(ConnectionError(reason))


def _nothing(_body: bytes) -> None:
    """Ignore the body of another service."""
