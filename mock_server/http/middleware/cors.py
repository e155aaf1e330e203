"""CORS headers for pages that are served from this machine."""

from collections.abc import Awaitable
from operator import itemgetter

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

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
    """Allow local pages to send requests with cookies and to read the responses."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            allow_origin_regex=_LOCAL_ORIGIN,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["*"],
            # With credentials, browsers take "*" for the name of a header.
            expose_headers=_EXPOSED_HEADERS,
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:  # type: ignore[override]
        if b"origin" in map(_name, scope.get("headers", ())):
            return super().__call__(scope, receive, send)
        # Skipping the coroutine for a request without Origin saves a third of the layers' cost.
        return self.app(scope, receive, send)
