"""CORS headers for pages that are served from this machine, or from where the user says."""

import re
from collections.abc import Awaitable, Sequence
from operator import itemgetter

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_server.engine.clock import SECOND, to_http_date, wall

_LOCAL_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\]|[a-z0-9-]+\.localhost)(:\d+)?"
_EXPOSED_HEADERS = [
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Mock-Request",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
]

_name = itemgetter(0)


class CorsMiddleware(CORSMiddleware):
    """Allow local pages, and those of ``origins``, to send requests with cookies and to read the
    responses.

    An origin may have ``*`` for a part of its host, as in ``https://*.example.org``; ``*`` alone
    stands for all origins, ``null`` for the pages that have none (files, sandboxed frames).
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str] = ()) -> None:
        super().__init__(
            app,
            allow_origin_regex="|".join([_LOCAL_ORIGIN, *map(_expression, origins)]),
            # A page of the local network or of the internet that was allowed above.
            allow_private_network=bool(origins),
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["*"],
            # With credentials, browsers take "*" for the name of a header.
            expose_headers=_EXPOSED_HEADERS,
        )

    async def send(self, message: Message, send: Send, request_headers: Headers) -> None:
        # As Starlette's, without Vary, which the recording layer adds to every response.
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(self.simple_headers)
            origin = request_headers["Origin"]
            if self.is_allowed_origin(origin):
                headers["Access-Control-Allow-Origin"] = origin
        await send(message)

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        response.headers["Date"] = to_http_date(wall() // SECOND).decode()
        return response

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:  # type: ignore[override]
        if b"origin" in map(_name, scope.get("headers", ())):
            return super().__call__(scope, receive, send)
        # Skipping the coroutine for a request without Origin saves a third of the layers' cost.
        return self.app(scope, receive, send)


def _expression(origin: str) -> str:
    """Return a regular expression for an origin; ``*`` does not reach beyond the host."""
    return ".*" if origin == "*" else re.escape(origin).replace(r"\*", r"[a-z0-9.-]+")
