"""Serving the mock with uvicorn: the socket, the connections, and the shutdown."""

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from functools import partial

import uvicorn

from mock_server.app import Mock
from mock_server.connection import Connection
from mock_server.errors import UsageError

_CLOSE_AFTER = 0.3
"""Seconds after which connections are closed that are still open when the server stops."""

_BACKLOG = 4_096
_GRACE = 10
"""Seconds that requests have to end after that; they need milliseconds, but of a busy machine."""


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
        background: Callable[[], Coroutine[None, None, None]] | None = None,
        connection: Callable[..., asyncio.Protocol] = Connection,
    ) -> None:
        """``ready`` is called when it serves; ``background`` runs until it stops; ``connection``
        returns the protocol of a new connection."""
        limits = mock.worlds.settings.limits
        super().__init__(
            uvicorn.Config(
                mock,
                http=partial(connection, limits=limits),  # type: ignore[arg-type]
                ws="none",  # A request to change to WebSocket is served as any other.
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=_GRACE,
                server_header=False,
                date_header=False,  # The layers add it: on responses of a world it is the world's.
                backlog=_BACKLOG,
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
        await self._mock.stop()

    def _close_connections(self) -> None:
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the address; port 0 takes a free one. Raise UsageError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # With the protocol named, the event loop disables Nagle's algorithm on connections, which
        # would delay every response by 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Two sockets may be bound to one port as long as neither listens.
        listener.listen(_BACKLOG)
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


def address(listener: socket.socket, name: str = "") -> str:
    """Return the base URL of a listening socket; ``name`` takes the place of its address where it
    is ``localhost``."""
    host, port = listener.getsockname()[:2]
    if name == "localhost":
        return f"http://{name}:{port}"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
