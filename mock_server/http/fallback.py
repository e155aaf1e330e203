"""Passes requests on to a real backend, and its responses to the client as they come.

Only the address of the backend gets them: redirects go to the client, and proxies of the
environment are ignored. What belongs to one connection, to the mock's own control API or to CORS,
which the mock itself does, is not passed on.
"""

import asyncio
import contextlib
import re
from collections.abc import Iterator
from http import HTTPStatus

import httpx2
from starlette.types import Message, Receive, Scope, Send

from mock_server.cookies import cookie_pairs
from mock_server.faults.delay import until_disconnected
from mock_server.header_text import FIELD_TEXT
from mock_server.http.call import BodyResponse
from mock_server.http.control_sessions import COOKIE
from mock_server.http.middleware.faults import CONNECTION
from mock_server.http.request_body import read_body
from mock_server.journal.exchange import EXCHANGE, MAX_RECORDED_BODY, Exchange, Headers

PASSED_ON = b"x-mock-fallback"
"""A header field of each request that is passed on, so that two mocks form no circle."""

MAX_BODY = 8 * 1_048_576
MAX_CONNECTIONS = 1_000

_CONNECT_SECONDS = 5.0
_RESPONSE_SECONDS = 60.0
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
_NOT_SENT = _HOP_BY_HOP | frozenset({b"host", b"x-mock-token", b"expect"})
_NOT_RECEIVED = _HOP_BY_HOP | frozenset({b"date", b"x-mock-request"})
_STATUS_CODES = range(200, 600)
_CORS = b"access-control-"
_DOMAIN = re.compile(rb";\s*domain=[^;]*", re.IGNORECASE)


class _InvalidResponseError(Exception):
    """A response of the backend that HTTP does not allow here."""


class Backend:
    """A real backend at ``url``, a base URL without a slash at its end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._base = httpx2.URL(url)
        self._transport: httpx2.AsyncHTTPTransport | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._closed = False

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response of the backend: 502 if it cannot be reached, 504 if it does not respond
        in time. Raise HttpError (413) for a body that is too large."""
        exchange: Exchange = scope[EXCHANGE]
        exchange.backend = self.url
        body = await read_body(receive, MAX_BODY)
        exchange.body = body if len(body) <= MAX_RECORDED_BODY else None
        if self._closed:
            await _problem(exchange, 503, "The mock is stopping.")(receive, send)
            return
        work = asyncio.create_task(self._pass_on(scope, body, receive, send))
        gone = asyncio.create_task(until_disconnected(receive))
        self._open.add(work)
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            work.cancel()
            self._open.discard(work)
            with contextlib.suppress(asyncio.CancelledError):
                await work

    def close(self) -> None:
        """End every response that is under way, so that the server can stop."""
        self._closed = True
        for work in list(self._open):
            work.cancel()

    async def stop(self) -> None:
        """Close all connections."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _pass_on(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope[EXCHANGE]
        times = {"connect": _CONNECT_SECONDS, "pool": _CONNECT_SECONDS}
        limits: dict[str, float | None] = {**times, "read": _RESPONSE_SECONDS}
        limits["write"] = _RESPONSE_SECONDS
        request = self._request(scope, body, limits)
        started = False
        try:
            if self._transport is None:
                self._transport = _transport(self._base)
            response = await self._transport.handle_async_request(request)
            try:
                start = self._start(response)
                # An event stream may be silent for as long as it wants.
                limits["read"] = None if _is_stream(response) else _RESPONSE_SECONDS
                started = True
                await send(start)
                async for chunk in response.stream:  # type: ignore[union-attr]
                    if chunk:
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            finally:
                with contextlib.suppress(httpx2.HTTPError):
                    await response.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, _InvalidResponseError) as error:
            exchange.reason = f"The backend {self.url} {_why(error)}."
            if started:
                _break_off(scope, exchange)
                return
            late = isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout)
            await _problem(exchange, 504 if late else 502, exchange.reason)(receive, send)

    def _request(
        self, scope: Scope, body: bytes, limits: dict[str, float | None]
    ) -> httpx2.Request:
        query: bytes = scope["query_string"]
        target = self._base.raw_path.rstrip(b"/") + scope["raw_path"]
        headers = list(_sent_headers(scope["headers"]))
        # A body without a type is a body; without a length, the client sent none.
        has_body = bool(body) or any(name == b"content-length" for name, _ in headers)
        return httpx2.Request(
            scope["method"],
            self._base.copy_with(raw_path=target + (b"?" + query if query else b"")),
            headers=[*headers, (PASSED_ON, b"1")],
            content=body if has_body else None,
            extensions={"timeout": limits},
        )

    def _start(self, response: httpx2.Response) -> Message:
        """Return the start of the response. Raise _InvalidResponseError for one that cannot be sent
        to a client."""
        if response.status_code not in _STATUS_CODES:
            raise _InvalidResponseError(
                f"expected a status code from 200 to 599, got {response.status_code}"
            )
        headers: Headers = []
        received = [(name.lower(), value) for name, value in response.headers.raw]
        dropped = _NOT_RECEIVED | _named_in_connection(received)
        if any(name == b"transfer-encoding" for name, _ in received):
            # RFC 9112, section 6.3: the chunks say how long the body is.
            dropped |= {b"content-length"}
        for name, value in received:
            if name in dropped or name.startswith(_CORS):
                continue
            if value.translate(None, FIELD_TEXT):
                raise _InvalidResponseError(
                    f"expected header fields without control characters, got {name!r}: {value!r}"
                )
            headers.append((name, self._rewritten(name, value)))
        return {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": headers,
        }

    def _rewritten(self, name: bytes, value: bytes) -> bytes:
        """Return the value of a header field for a client that knows the address of the mock."""
        base = self.url.encode()
        if name in (b"location", b"content-location") and value.startswith(base + b"/"):
            return value[len(base) :]
        return _DOMAIN.sub(b"", value) if name == b"set-cookie" else value


def _transport(base: httpx2.URL) -> httpx2.AsyncHTTPTransport:
    # A connection that is kept may be one that the backend is just closing.
    limits = httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=0)
    # Loading certificates takes long, and only TLS needs them.
    return httpx2.AsyncHTTPTransport(verify=base.scheme == "https", trust_env=False, limits=limits)


def _sent_headers(headers: Headers) -> Iterator[tuple[bytes, bytes]]:
    dropped = _NOT_SENT | _named_in_connection(headers)
    for name, value in headers:
        if name == b"cookie":
            pairs = cookie_pairs(value.decode("latin-1"))
            kept = [f"{key}={text}" if key else text for key, text in pairs if key != COOKIE]
            if kept:
                yield name, "; ".join(kept).encode("latin-1")
        elif name not in dropped:
            yield name, value


def _named_in_connection(headers: Headers) -> frozenset[bytes]:
    """Return the names of header fields that are for the next hop only."""
    values = [value for name, value in headers if name == b"connection"]
    return frozenset(part.strip().lower() for value in values for part in value.split(b","))


def _is_stream(response: httpx2.Response) -> bool:
    media = response.headers.get("content-type", "")
    return media.partition(";")[0].strip().lower() == "text/event-stream"


def _why(error: Exception) -> str:
    reason = str(error) or type(error).__name__
    match error:
        case httpx2.ReadTimeout() | httpx2.WriteTimeout():
            return f"did not respond within {_RESPONSE_SECONDS:g} s"
        case httpx2.PoolTimeout():
            return f"has {MAX_CONNECTIONS} requests of this mock already"
        case httpx2.ConnectTimeout():
            return f"cannot be reached: no connection within {_CONNECT_SECONDS:g} s"
        case httpx2.ConnectError():
            return f"cannot be reached: {reason}"
        case _InvalidResponseError():
            return f"sent a response that cannot be passed on: {reason}"
        case _:
            return f"broke off: {reason}"


def _problem(exchange: Exchange, status: int, reason: str) -> BodyResponse:
    exchange.reason = reason
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": reason,
    }
    return BodyResponse.json(problem, status, content_type="application/problem+json")


def _break_off(scope: Scope, exchange: Exchange) -> None:
    """Close the connection of a response that cannot be completed: the client must not take what
    came for all of it."""
    exchange.end()
    connection = scope.get("extensions", {}).get(CONNECTION)
    if connection is not None:
        connection.close()
