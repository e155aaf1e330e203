"""One connection: HTTP/1.1 as uvicorn speaks it, within bounds.

A client can neither fill the memory nor hold a connection by what it does not finish: the bytes and
fields of a head, the time for a head and a body, idle connections and their number are limited. The
checks cost nothing for a request that arrives in one piece.
"""

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mock_server import request_head
from mock_server.http.middleware.faults import CONNECTION
from mock_server.journal.exchange import Headers
from mock_server.request_head import Rejection
from mock_server.response_cycle import ResponseCycle
from mock_server.settings import ConnectionLimits
from mock_server.transport import CoalescingTransport

_LINGER = 1.0
"""Seconds in which the rest of a rejected request is discarded, so that the client can read why."""

_PIECE = 16_384
"""Bytes that are parsed at once: some hundred requests can be in them."""

_MAX_UNREAD = 1_048_576

_MAX_REPEATED = 4_096
"""Bytes of a request that is kept, in case the client sends it again."""

_VERSIONS = ("1.0", "1.1")

_ASGI = {"version": "3.0", "spec_version": "2.3"}


def _nothing() -> None:
    pass


class Connection(HttpToolsProtocol):
    """HTTP/1.1, with the transport in the scope, for faults that close the connection.

    The end of a client's data is the end of the client: it may have left, and a stream would not
    notice.
    """

    __slots__ = (
        "_begin_of_data",
        "_deadline",
        "_ended",
        "_fed",
        "_held",
        "_hosts",
        "_idle_since",
        "_in_head",
        "_last",
        "_last_response",
        "_limits",
        "_progress",
        "_receiving",
        "_rejected",
        "_rejection",
        "_running",
        "_unread",
        "_valid_host",
        "_with_body",
    )
    """In the dictionary of uvicorn's class, they would make it too large to share its keys."""

    def __init__(self, *args: Any, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(*args, **options)
        self._limits = limits
        self._receiving = self._in_head = self._with_body = False
        self._rejected = self._ended = False
        self._hosts: list[bytes] = []
        self._valid_host: bytes | None = None  # Of the request before, mostly the same.
        self._begin_of_data: bytes | None = None
        """What has been read, where it is needed until the first request has begun."""
        self._last: bytes | None = None  # A whole request without a body.
        self._unread = b""  # Not parsed, because too many requests wait.
        self._fed = self._held = 0  # Bytes of the present piece, and of those before it.
        self._progress = False
        self._rejection: Rejection | None = None  # Of the present head.
        self._last_response: Rejection | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None  # Behind which others are pipelined.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        crowded = len(self.connections) >= self._limits.connections
        super().connection_made(CoalescingTransport(transport, self.loop))  # type: ignore[arg-type]
        self._idle_since = self.loop.time()
        self._close_if_idle_in(self._limits.idle_seconds)
        if crowded:
            self._reject(503, f"{self._limits.connections} connections are open: close some")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        self._stop_deadline()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        # Else circles of references would keep all of them until the garbage collector runs, and
        # it does not look at what is there during long work.
        for cycle, _ in self.pipeline:
            cycle.on_response = _nothing
        self.pipeline.clear()
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        if self._rejected:
            return
        if len(data) > _PIECE or self.pipeline:
            self._unread += data
            self._read_on()
        else:
            self._read(data)

    def _read_on(self) -> None:
        """Read what has arrived, as far as not too many requests wait for their responses."""
        while not self._rejected:
            if len(self.pipeline) >= self._limits.pipelined:
                self.flow.pause_reading()
                self._stop_deadline()
                # Meanwhile a client that leaves is not noticed.
                self._deadline = self.loop.call_later(self._limits.body_seconds, self._expire)
                if len(self._unread) > _MAX_UNREAD:
                    self._reject(429, "Too many requests are pipelined")
                return
            if not self._unread:
                self.flow.resume_reading()
                if not self._receiving:
                    self._stop_deadline()
                return
            piece, self._unread = self._unread[:_PIECE], self._unread[_PIECE:]
            self._read(piece)

    def _read(self, data: bytes) -> None:
        if data == self._last:
            # The request before, as a client that polls sends it: its parts are known.
            self._begin()
            self.on_message_complete()
            return
        if self._begin_of_data is not None:
            kept = self._begin_of_data + data
            # Not, for example, empty lines without end.
            self._begin_of_data = kept if len(kept) <= self._limits.head_bytes else None
        before, between = self.cycle, not self._receiving
        self._progress, self._last, self._fed = False, None, len(data)
        while True:
            try:
                self.parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade(data[upgrade.args[0] :])
                self._fed = len(data)
            except httptools.HttpParserError:
                self._reject(*(self._rejection or (400, "Invalid HTTP request received.")))
                return
        if self._progress:
            # A head that has begun behind another request counts with it.
            self._held = len(data) if self._in_head else 0
        else:
            self._held += len(data)
        if not self._receiving:
            if self._deadline is not None:
                self._stop_deadline()
            alone = between and self.cycle is not before and not self.pipeline
            if alone and not self._with_body and len(data) <= _MAX_REPEATED:
                self._last = data
        elif self._held > self._limits.head_bytes + _PIECE:  # What is complete is counted exactly.
            self._reject(*request_head.too_large(self.url, self._limits))
        elif self._deadline is None:
            seconds = self._limits.head_seconds if self._in_head else self._limits.body_seconds
            self._deadline = self.loop.call_later(seconds, self._expire)

    def on_message_begin(self) -> None:
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._receiving = self._in_head = True
        self._with_body = False
        self._hosts = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # A trailer.
        name = name.lower()
        if name == b"host":
            self._hosts.append(value)
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head, self._progress = False, True
        self._rejection = self._problem()
        if self._rejection is None and not self.url.startswith((b"/", b"*")):
            self._rejection = self._read_absolute()
        if self._rejection is not None:
            raise ValueError(self._rejection)
        if self.parser.should_upgrade():
            return
        if self._deadline is not None:
            self._stop_deadline()  # The body has one of its own.
        self._begin()

    def _begin(self) -> None:
        before = self.cycle
        cycle = self.cycle = self._new_cycle()
        if before is None or before.response_complete:
            self._respond(cycle, self.app)
        else:
            self.pipeline.appendleft((cycle, self.app))
            if self._running is None or self._running.response_complete:
                self._running = before

    _respond = HttpToolsProtocol._start_asgi_task
    """Starts the response to the request of a cycle."""

    def _new_cycle(self) -> ResponseCycle:
        """Return the cycle of the request whose head has arrived."""
        parser, url = self.parser, self.url
        version = parser.get_http_version()
        raw_path, _, query = url.partition(b"#")[0].partition(b"?")
        path = raw_path.decode("ascii")
        scope: Any = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": parser.get_method().decode("ascii"),
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
            "state": {},
            "extensions": {CONNECTION: self.transport},
        }
        self.scope = scope
        return ResponseCycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            self.on_response_complete,
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
        )

    def on_body(self, body: bytes) -> None:
        self._progress = self._with_body = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._receiving, self._progress = False, True
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_since = self.loop.time()
        if not self.pipeline:
            if self._last_response is not None:
                self._end_with(*self._last_response)
            elif self.flow.read_paused:
                self.flow.resume_reading()
            return
        self._running, app = self.pipeline.pop()
        self._respond(self._running, app)
        self._read_on()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it is idle.

        One timer serves all requests of a connection: one for each would cost 2 us of a read's 30.
        """
        idle = not self._receiving and (self.cycle is None or self.cycle.response_complete)
        left = self._limits.idle_seconds - (self.loop.time() - self._idle_since if idle else 0)
        if left > 0:
            self._close_if_idle_in(left)
        else:
            super().timeout_keep_alive_handler()

    def _close_if_idle_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _problem(self) -> Rejection | None:
        """Return why the request is rejected before it is one; None for a valid one."""
        limits, version = self._limits, self.parser.get_http_version()
        if len(self.headers) > limits.header_count or self._held + self._fed > limits.head_bytes:
            problem = request_head.size_problem(self.url, self._fields_of_client(), limits)
            if problem is not None:
                return problem
        if version not in _VERSIONS:
            return 505, f"HTTP: expected one of {', '.join(_VERSIONS)}, got {version}"
        hosts = self._hosts
        if len(hosts) != 1 and (hosts or version != "1.0"):
            return 400, f"Host: expected one header field, got {len(hosts)}"
        if self.parser.get_method() == b"CONNECT":
            return 400, "CONNECT is for proxies"
        return self._check_host(hosts[0]) if hosts and hosts[0] != self._valid_host else None

    def _check_host(self, host: bytes) -> Rejection | None:
        problem = request_head.host_problem(host)
        if problem is None:
            self._valid_host = host
        return problem

    def _read_absolute(self) -> Rejection | None:
        """Take the host from a target such as ``http://host/path``: by RFC 9112, it counts."""
        found = request_head.host_and_path(self.url)
        if found is None:
            shown = ascii(self.url.decode("latin-1"))[:100]
            return 400, f"Request target: expected a path or an http URL, got {shown}"
        host, self.url = found
        self.headers = [(b"host", host), *[one for one in self.headers if one[0] != b"host"]]
        return self._check_host(host)

    def _fields_of_client(self) -> Headers:
        return self.headers

    def _without_upgrade(self, rest: bytes) -> bytes:
        """Return the request again without its request to change the protocol, for a new parser.

        The present one would read no body and no further request after it.
        """
        version = self.parser.get_http_version().encode()
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)
        fields = request_head.without_upgrade(self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"\r\n".join([line, *fields, b"", rest])

    def _expire(self) -> None:
        self._deadline = None
        part = "head" if self._in_head else "body"
        self._reject(408, f"The {part} of the request did not arrive in time")

    def _reject(self, status: int, reason: str) -> None:
        """Read no more; respond with that error when all requests before have their responses."""
        self._rejected, self._unread = True, b""
        self._stop_deadline()
        in_body = self._receiving and not self._in_head and self._rejection is None
        running = self._present()
        if in_body and self.cycle.response_complete:
            self.transport.close()  # It has its response, which needed no body.
            return
        if running is None or (running is self.cycle and in_body):
            self._end_with(status, reason)
            return
        if in_body:
            newest, _ = self.pipeline.popleft()
            newest.on_response = _nothing
        self._last_response = (status, reason)
        self.flow.resume_reading()  # To notice that the client leaves.

    def _present(self) -> RequestResponseCycle | None:
        """Return the cycle whose response is in progress."""
        for cycle in (self._running, self.cycle):
            if cycle is not None and not cycle.response_complete:
                return cycle
        return None

    def _end_with(self, status: int, reason: str, *, repeatable: bool = True) -> None:
        """Send an error response, unless a response has started, and close the connection."""
        self._rejected = self._ended = True
        self._stop_deadline()
        self._unset_keepalive_if_required()
        cycle = self._present()
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        self.transport.write(request_head.response(status, reason, repeatable=repeatable))
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        # Closing at once would reset the connection while the client still sends.
        self.transport.write_eof()
        self._deadline = self.loop.call_later(_LINGER, self.transport.abort)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
