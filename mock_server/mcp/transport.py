"""How clients reach the tools: over stdin and stdout, or over HTTP at ``/mcp``.

Without a token, HTTP accepts loopback names in ``Host`` and ``Origin`` only, so that no page that
a browser on this machine shows can call a tool. With a token, the token is required instead.
"""

import asyncio
import hmac
import logging
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from typing import Any

import uvicorn
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/mcp"
_MAX_BODY = 2 * 1_048_576
_MAX_SESSIONS = 100
_GRACE = 2
"""Seconds that requests have to end when the server stops."""

_LOCAL = ("127.0.0.1", "localhost", "[::1]")


def serve_stdio(server: Server[Any]) -> None:
    """Serve one client over stdin and stdout until it closes stdin.

    Raise OSError if the client has closed stdout.
    """
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # A thread that reads stdin would keep the process until its next line.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        asyncio.run(_serve_stdio(server))
    except BaseExceptionGroup as group:
        raise _first(group) from None


async def _serve_stdio(server: Server[Any]) -> None:
    async with stdio_server() as (incoming, outgoing):
        # What a library prints must not get between the messages.
        with redirect_stdout(sys.stderr):
            await server.run(incoming, outgoing, server.create_initialization_options())


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception of the group that is none itself."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def serve_http(
    server: Server[Any], listener: socket.socket, token: str | None, ready: Callable[[], None]
) -> None:
    """Serve clients on a listening socket until a signal; call ``ready`` as soon as it serves."""
    host = listener.getsockname()[0]
    # uvicorn stops on Ctrl-C and then raises it again.
    with suppress(KeyboardInterrupt):
        HttpServer(server, token, ready, host).run(sockets=[listener])


class HttpServer(uvicorn.Server):
    """Serves tools at ``PATH``, to clients that send ``token`` if there is one."""

    def __init__(
        self,
        server: Server[Any],
        token: str | None,
        ready: Callable[[], None],
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(
            uvicorn.Config(
                http_app(server, token, host),
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def http_app(server: Server[Any], token: str | None, host: str) -> ASGIApp:
    """Return the application that serves the tools at ``PATH`` of ``host``."""
    hosts = dict.fromkeys((*_LOCAL, f"[{host}]" if ":" in host else host))
    names = [*hosts, *(f"{each}:*" for each in hosts)]
    app: ASGIApp = server.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=_MAX_BODY,
        max_sessions=_MAX_SESSIONS,
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=token is None,
            allowed_hosts=names,
            allowed_origins=[f"http://{name}" for name in names],
        ),
    )
    return app if token is None else BearerMiddleware(app, token)


class BearerMiddleware:
    """Pass requests on that send the token as ``Authorization: Bearer``; others get 401."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._accepts(scope):
            response = PlainTextResponse(
                "Authorization: expected the token of this server as Bearer.\n",
                401,
                {"WWW-Authenticate": "Bearer"},
            )
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _accepts(self, scope: Scope) -> bool:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        given = token.strip().encode("latin-1", "replace")
        return scheme.lower() == "bearer" and hmac.compare_digest(given, self._token)
