"""Serving the mock with uvicorn: the socket, the connections, and the shutdown."""

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mock_server.app import Mock
from mock_server.errors import UsageError
from mock_server.http.middleware.faults import CONNECTION

_CLOSE_AFTER = 0.3
"""Seconds after which connections are closed that are still open when the server stops."""

_GRACE = 10
"""Seconds that requests have to end after that; they need milliseconds, but of a busy machine."""

_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    b"connection: close\r\n\r\n%b"
)


class CoalescingTransport:
    """A transport that writes the head of a response together with the first part of its body.

    uvicorn writes them separately, each a system call and a packet: a fifth of the cost of a small
    response. A head without a body is written on its own in the next turn of the event loop.
    """

    __slots__ = ("_held", "_loop", "_transport", "get_extra_info", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        held = self._held
        if held is not None:
            self._held = None
            self._transport.write(held + data)
        elif data.startswith(b"HTTP/"):
            self._held = data
            self._loop.call_soon(self._release)
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._release()
        self._transport.close()

    def abort(self) -> None:
        self._release()
        self._transport.abort()

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Protocol(HttpToolsProtocol):
    """HTTP, with the transport in the scope, for faults that close the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(CoalescingTransport(transport, self.loop))  # type: ignore[arg-type]

    def send_400_response(self, msg: str) -> None:
        """Respond to invalid HTTP and to unknown methods with JSON, as to any other error."""
        body = orjson.dumps({"detail": msg})
        self.transport.write(_BAD_REQUEST % (len(body), body))
        self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self.transport}  # type: ignore[dict-item]


class Server(uvicorn.Server):
    """Serves ``mock`` on a bound socket.

    Streams are ended before the server waits for connections to close; uvicorn would wait for them
    forever. A connection that is still open then has a client that does not read, and is closed.
    """

    def __init__(
        self,
        mock: Mock,
        ready: Callable[[], None],
        *,
        access_log: bool = False,
        background: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        """``ready`` is called when it serves; ``background`` runs until it stops."""
        super().__init__(
            uvicorn.Config(
                mock,
                http=Protocol,
                ws="none",  # A request to change to WebSocket is served as any other.
                log_level="info" if access_log else "warning",
                access_log=access_log,
                lifespan="off",
                timeout_graceful_shutdown=_GRACE,
                server_header=False,
                timeout_keep_alive=60,
                backlog=4_096,
                proxy_headers=False,  # ProxyMiddleware reads them.
            )
        )
        self._mock = mock
        self._ready = ready
        self._background = background
        self._task: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        if self._background is not None:
            self._task = asyncio.create_task(self._background())
            await asyncio.sleep(0)  # It starts before the mock is ready.
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._task is not None:
            self._task.cancel()
        self._mock.close()
        asyncio.get_running_loop().call_later(_CLOSE_AFTER, self._close_connections)
        await super().shutdown(sockets)

    def _close_connections(self) -> None:
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; port 0 takes a free one. Raise UsageError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # With the protocol named, the event loop disables Nagle's algorithm on connections, which
        # would delay every response by 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except socket.gaierror as error:
        raise UsageError(
            f"cannot listen on {host}: {error.strerror or error}; choose an address of this "
            "machine with --host, such as 127.0.0.1, or 0.0.0.0 for all of them"
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(
                f"cannot listen on {host}: it is not an address of this machine; choose one with "
                "--host, such as 127.0.0.1, or 0.0.0.0 for all of them"
            ) from None
        raise UsageError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; "
            "choose another with --port, or 0 for a free one"
        ) from None
    return listener


def bind_all(host: str, port: int) -> list[socket.socket]:
    """Return a socket for each address of the host: two for ``localhost``, of IPv4 and IPv6, on one
    port. Raise UsageError."""
    if host != "localhost":
        return [bind(host, port)]
    first = bind("127.0.0.1", port)
    try:
        return [first, bind("::1", first.getsockname()[1])]
    except UsageError:
        if port and _has_ipv6():
            first.close()
            raise
        return [first]


def _has_ipv6() -> bool:
    """Return whether this machine has the loopback address of IPv6."""
    try:
        bind("::1", 0).close()
    except UsageError:
        return False
    return True


def address(listener: socket.socket) -> str:
    """Return the base URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
