"""Send requests to the API under test. Every request has a time limit and every body a size limit;
no cookie is kept, no redirect is followed, and each exchange is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx2

from conformance import deadline
from conformance.client.connection import Connection
from conformance.client.decompression import DecompressionError, decompressed
from conformance.client.diagnosis import TooLargeError, TooSlowError, cause_of
from conformance.client.outages import Outages, no_service, wait
from conformance.client.rate_limit import RateLimiter, retry_after
from conformance.client.rate_limit_headers import TOO_MANY_REQUESTS
from conformance.client.recorder import Traffic
from conformance.client.renewal import Renewals
from conformance.client.response import Response
from conformance.client.stream import Stream
from conformance.errors import CheckFailed, ConnectionRefused, Inconclusive, NoResponse, Unsupported
from conformance.vocabulary import Untested

MAX_BODY = 32 * 1024 * 1024
T = TypeVar("T", Response, Stream)
_GRACE = 0.5
_SHOWN = 100
_FAULTS = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    TooLargeError,
    TooSlowError,
    DecompressionError,
    OSError,
)


class Target:
    """One base URL and the connections to it."""

    def __init__(
        self,
        base_url: str,
        traffic: Traffic,
        *,
        timeout: float,
        connection: Connection,
        read_only: bool = False,
        observers: Sequence[Callable[[Response], object]] = (),
        rate_limiter: RateLimiter | None = None,
        outages: Outages | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.traffic = traffic
        self.timeout = timeout
        self.connection = connection
        self._read_only = read_only
        self._observers = observers
        self._rate_limiter = rate_limiter or RateLimiter()
        self.pacer = self._rate_limiter.pacer
        self._outages = outages or Outages()
        self.renewals = Renewals()
        self._probe: httpx2.Request | None = None
        # An idle connection is given up before any usual server would: reusing one that the server
        # is just closing would look like a fault of the server.
        self._client = httpx2.Client(
            timeout=timeout,
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=1.0),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            trust_env=False,
            # Trusted authorities take longer to load than a whole check, and only TLS needs them.
            verify=connection.tls() if self.base_url.startswith("https:") else False,
            proxy=connection.proxy or None,
            headers=[*connection.headers, ("Accept-Encoding", "identity")],
        )

    def close(self) -> None:
        """Give up all connections."""
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | list[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Send one request and read the complete response; again, if a rate limit rejected it, when
        the time that was asked for has gone by, or after an outage, if that is safe.

        Raise CheckFailed if the path does not fit into a URL,
        NoResponse if the response is not complete in `timeout` seconds or exceeds 32 MiB,
        ConnectionRefused if nothing listens, Unsupported for changes to a read-only target,
        Inconclusive if a rate limit or an outage leaves it without a response of the service.
        """

        def attempt() -> Response:
            request = self._request(method, path, params, headers, body)
            response = self._send(request, timeout or self.timeout)
            if self.renewals.retries(request.headers, response.status):
                request = self._request(method, path, params, headers, body)
                response = self._send(request, timeout or self.timeout)
            if method == "GET" and 200 <= response.status < 300:
                self._probe = request
            return response

        response = self._after_outages(method, path, lambda: self._within_rate_limit(attempt))
        for observe in self._observers:
            observe(response)
        return _not_rate_limited(response)

    def _after_outages(self, method: str, path: str, attempt: Callable[[], T]) -> T:
        """Return the response, sent again as long as an outage may pass.

        Raise Inconclusive if only a gateway responds and the service is down: where the service is
        up, a gateway that fails requests like this one is a fault of its own.
        """
        attempts = 0
        while True:
            met: NoResponse | Response
            response = None
            try:
                response = attempt()
                met = self._head_of(response)
                if not no_service(met):
                    self._outages.responded(method, path, attempts)
                    return response
            except NoResponse as fault:
                met = fault
            persists = self._outages.persists(method, path)
            pause = self._outages.pause(method, path, met, attempts)
            if pause is not None:
                attempts += 1
                wait(pause)
            elif isinstance(met, NoResponse):
                raise met
            elif response is not None and (persists or method == "GET") and self._is_up():
                return response
            else:
                raise Inconclusive(f"{met.summary} by a gateway", reason=Untested.LOST)

    def _head_of(self, response: Response | Stream) -> Response:
        """Return the response, or its part received so far if it goes on."""
        if isinstance(response, Response):
            return response
        if response.status < 500 or response.media_type == "text/event-stream":
            return Response("GET", response.url, response.status, response.headers, b"", 0.0, 0)
        return response.first_response(self.timeout)

    def _is_up(self) -> bool:
        """Whether a request that succeeded before does so now."""
        if self._probe is None:
            return True
        try:
            return self._send(self._probe, self.timeout).status < 300
        except NoResponse:
            return False

    def _send(self, request: httpx2.Request, limit: float) -> Response:
        self.pacer.wait()
        start = time.monotonic()
        raw = None
        chunks: list[bytes] = []
        size = 0
        late = f"the response was not complete after {limit:g} s"
        try:
            # The client's own limit starts again with every byte, and headers may never end.
            with deadline.limit(limit + _GRACE, late, TooSlowError):
                raw = self._client.send(request, stream=True)
                encoding = raw.headers.get("content-encoding", "")
                for chunk in decompressed(raw.iter_raw(), encoding):
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > MAX_BODY:
                        raise TooLargeError(f"the body exceeds {MAX_BODY} bytes")
                    if time.monotonic() - start > limit:
                        raise TooSlowError(late)
        except _FAULTS as fault:
            raise self._no_response(request, raw, b"".join(chunks), start, fault) from None
        finally:
            if raw is not None:
                raw.close()
        content = b"".join(chunks)
        seconds = time.monotonic() - start
        number = self.traffic.record(request, raw, content, seconds)
        response = _to_response(request, raw, content, seconds, number)
        self.pacer.learn(response.status, response.headers)
        return response

    def stream(self, path: str, headers: Mapping[str, str]) -> Stream:
        """Open an event stream; it is read on a thread of its own until it is closed."""
        sent = {"Accept": "text/event-stream"} | dict(headers)

        def attempt() -> Stream:
            request = self._request("GET", path, None, sent, None)
            stream = self._stream(request)
            if self.renewals.retries(request.headers, stream.status):
                stream.close()
                stream = self._stream(self._request("GET", path, None, sent, None))
            if stream.status == TOO_MANY_REQUESTS:
                with stream:
                    stream.first_response(self.timeout)
            return stream

        return _not_rate_limited(
            self._after_outages("GET", path, lambda: self._within_rate_limit(attempt))
        )

    def _within_rate_limit(self, attempt: Callable[[], T]) -> T:
        """Return the response after waiting for rate limits, as long as time is left."""
        attempts = 0
        while self._rate_limiter.wait((response := attempt()).status, response.headers, attempts):
            attempts += 1
        return response

    def _stream(self, request: httpx2.Request) -> Stream:
        self.pacer.wait()
        start = time.monotonic()
        late = f"its header was not complete after {self.timeout:g} s"
        try:
            with deadline.limit(self.timeout + _GRACE, late, TooSlowError):
                raw = self._client.send(request, stream=True)
        except _FAULTS as fault:
            raise self._no_response(request, None, b"", start, fault) from None

        def done(stream: Stream) -> int:
            seconds = time.monotonic() - start
            head, events = stream.head, stream.events
            number = self.traffic.record(request, raw, head, seconds, events=events)
            if stream.ended:
                response = _to_response(request, raw, stream.head, seconds, number)
                for observe in () if no_service(response) else self._observers:
                    observe(response)
            return number

        return Stream(
            raw, str(request.url), opened=start, record=done, left=self.traffic.add_events
        )

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | list[tuple[str, Any]] | None,
        headers: Mapping[str, str] | None,
        body: bytes | None,
    ) -> httpx2.Request:
        if self._read_only and method not in ("GET", "HEAD", "OPTIONS"):
            raise Unsupported("it needs to change a run, and the kit is read-only")
        sent = self.renewals.headers(headers or {})
        try:
            return self._client.build_request(
                method, self.base_url + path, params=params, headers=sent, content=body
            )
        except httpx2.InvalidURL as fault:
            # A service may give a run an id that does not fit into a URL.
            raise CheckFailed(f"{method} {path[:_SHOWN]} cannot be sent: {fault}") from None

    def _no_response(
        self,
        request: httpx2.Request,
        raw: httpx2.Response | None,
        body: bytes,
        start: float,
        fault: Exception,
    ) -> NoResponse:
        seconds = time.monotonic() - start
        why = str(fault) or type(fault).__name__
        if isinstance(fault, httpx2.TimeoutException):
            why = f"no data for {self.timeout:g} s"
        number = self.traffic.record(request, raw, body, seconds, why)
        kind = ConnectionRefused if isinstance(fault, httpx2.ConnectError) else NoResponse
        broken = isinstance(fault, httpx2.NetworkError | httpx2.RemoteProtocolError | OSError)
        return kind(
            f"{request.method} {request.url} got no complete response: {why}",
            exchange=number,
            hint=cause_of(fault, secure=request.url.scheme == "https").value,
            broken=broken,
        )


def _lower(headers: httpx2.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _to_response(
    request: httpx2.Request, raw: httpx2.Response, body: bytes, seconds: float, number: int
) -> Response:
    return Response(
        method=request.method,
        url=str(request.url),
        status=raw.status_code,
        headers=_lower(raw.headers),
        body=body,
        seconds=seconds,
        exchange=number,
    )


def _not_rate_limited(response: T) -> T:
    """Return the response. Raise Inconclusive if it is 429: that says nothing about the request."""
    if response.status != TOO_MANY_REQUESTS:
        return response
    asked = retry_after(response.headers)
    if asked is None:
        raise Inconclusive(f"{response.url} returned 429 without Retry-After", caused_by="HTTP-08")
    raise Inconclusive(
        f"rate limited: {response.url} asks to wait {asked:.0f} s, more than is left; raise the "
        f"tenant's limit, or --budget and --patience",
        reason=Untested.RATE_LIMIT,
    )
