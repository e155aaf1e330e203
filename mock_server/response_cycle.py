"""Writing one response to a connection: its status line, its header fields and its body.

As uvicorn's own cycle, but all header fields are validated at once, which is quicker, and HTTP/1.0
knows no chunks: there, a response of unknown length ends with the connection.
"""

import logging
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from mock_server.header_text import FIELD_TEXT
from mock_server.lean_event import LeanEvent
from mock_server.transport import CoalescingTransport

_WITHOUT_BODY = (204, 304)


class ResponseCycle(RequestResponseCycle):
    """One request and its response on a ``CoalescingTransport``."""

    transport: CoalescingTransport  # type: ignore[assignment]
    chunked_encoding = None
    expected_content_length = 0
    disconnected = response_started = response_complete = False
    more_body = True
    _bodiless = False

    def __init__(  # As that of uvicorn, which takes twice as long, for what ``send`` does not need.
        self,
        scope: Any,
        transport: Any,
        flow: FlowControl,
        logger: logging.Logger,
        on_response: Callable[[], None],
        *,
        expect_100_continue: bool,
        keep_alive: bool,
    ) -> None:
        self.scope = scope
        self.transport = transport
        self.flow = flow
        self.logger = logger
        self.on_response = on_response
        self.message_event = LeanEvent()  # type: ignore[assignment]
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expect_100_continue
        self.body = bytearray()

    async def send(self, message: Any) -> None:
        """Write a part of the response. Raise RuntimeError for one that is out of order."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            if self.response_started:
                raise RuntimeError("the response has started already")
            self.response_started = True
            self.waiting_for_100_continue = False
            self._write_head(message["status"], message.get("headers", ()))
        elif self.response_complete or not self.response_started:
            raise RuntimeError("a part of a body outside a response")
        else:
            self._write_body(message.get("body", b""), message.get("more_body", False))

    def _write_head(self, status: int, headers: Any) -> None:
        lines = [STATUS_LINE[status][:-2]]
        for name, value in headers:
            if name == b"content-length":
                self.chunked_encoding = False
                self.expected_content_length = int(value)
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive = False
                continue
            lines.append(name + b": " + value)
        if not self.keep_alive:
            lines.append(b"connection: close")
        self._bodiless = self.scope["method"] == "HEAD" or status in _WITHOUT_BODY
        if self.chunked_encoding is None:
            # The server decides on chunks, whatever the application says.
            lines = [one for one in lines if not one.startswith(b"transfer-encoding:")]
            if not self._bodiless and self.scope["http_version"] != "1.0":
                self.chunked_encoding = True
                lines.append(b"transfer-encoding: chunked")
        lines.append(b"\r\n")
        head = b"\r\n".join(lines)
        if head.translate(None, FIELD_TEXT) != b"\r\n" * len(lines):
            raise RuntimeError(f"a header field has a control character: {head!r}")
        self.transport.write_head(head)

    def _write_body(self, body: bytes, more_body: bool) -> None:
        missing = 0
        if self._bodiless:
            body = b""
        elif self.chunked_encoding:
            if body:
                body = b"%x\r\n%b\r\n" % (len(body), body)
            if not more_body:
                body += b"0\r\n\r\n"
        elif self.chunked_encoding is not None:
            missing = self.expected_content_length = self.expected_content_length - len(body)
            if missing < 0:
                raise RuntimeError("the body is longer than its Content-Length says")
        self.transport.write(body)
        if missing and not more_body:
            raise RuntimeError("the body is shorter than its Content-Length says")
        if not more_body:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
