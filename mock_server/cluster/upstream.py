"""A connection with a peer, and the responses that come over it."""

import asyncio
from time import monotonic
from typing import Protocol

import httptools

from mock_server.cluster.endings import NO_SECRET, Endings

IDLE_SECONDS = 20.0
"""Real seconds for which an idle connection is kept: less than a peer keeps it."""

_FIRST_FINAL_STATUS = 200


class Request(Protocol):
    """A request that waits for its response from a peer."""

    bodiless: bool
    may_be_misdirected: bool
    """Whether the peer may still say that it does not own the world, before anything else."""

    def misdirected(self) -> None:
        """Let the owner respond instead of the peer, which has done nothing."""

    def received(self, data: bytes, *, complete: bool, reusable: bool) -> None:
        """Send ``data``, bytes of the response, to the client."""

    def broken_off(self, data: bytes, reset: bool) -> None:
        """Send the last bytes to the client, and end its connection as a fault wants it."""

    def fail(self, reason: str) -> None:
        """End the response: with 503 where it has not begun, else with the connection."""

    def pause_body(self) -> None:
        """Read no more of the request, because the peer does not take it."""

    def resume_body(self) -> None:
        """Read on, because the peer has taken what was sent."""


class Upstream(asyncio.Protocol):
    """A connection with a peer, for one request after the other."""

    def __init__(self, endings: Endings) -> None:
        self.endings = endings
        self.forward: Request | None = None
        self.idle_since = 0.0
        self.write_paused = False
        self._closed = False
        self._paused = False
        self._complete = self._reusable = False
        self._begin = b""  # Of a response that may say that the peer is not the owner.
        self._held = b""  # What can be the begin of a mark.
        self._parser = httptools.HttpResponseParser(self)

    @property
    def usable(self) -> bool:
        """Whether the peer still reads from it."""
        if not self._closed and monotonic() - self.idle_since > IDLE_SECONDS:
            self.abort()
        return not self._closed

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self.write = transport.write

    def data_received(self, data: bytes) -> None:
        forward = self.forward
        if forward is None:
            self.abort()  # Nothing was asked for.
            return
        if forward.may_be_misdirected:
            self._begin += data
            data, expected = self._begin, self.endings.misdirected
            if expected.startswith(data[: len(expected)]):
                if len(data) >= len(expected):
                    forward.misdirected()
                    self.abort()
                return
            forward.may_be_misdirected, self._begin = False, b""
        new = data
        if self._held:
            data, self._held = self._held + data, b""
        if data.endswith(self.endings.marks):
            forward.broken_off(*self.endings.cut(data))
            self.abort()
            return
        begun = self.endings.begun(data)
        try:
            self._parser.feed_data(new)
        except httptools.HttpParserError:
            if not begun:  # A mark is not HTTP.
                forward.fail("sends what is not HTTP")
                self.abort()
                return
        complete, self._complete = self._complete, False
        if begun and not complete:  # Else the client would get a part of the secret.
            data, self._held = data[:-begun], data[-begun:]
        if data:
            forward.received(data, complete=complete, reusable=self._reusable)

    def on_headers_complete(self) -> None:
        if self.forward is not None and self.forward.bodiless:
            self.on_message_complete()
            if self._complete:
                self._parser = httptools.HttpResponseParser(self)  # It would wait for a body.

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= _FIRST_FINAL_STATUS:
            self._complete, self._reusable = True, self._parser.should_keep_alive()

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.forward is not None:
            self.forward.pause_body()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.forward is not None:
            self.forward.resume_body()

    def pause_reading(self) -> None:
        """Read nothing until ``resume_reading``."""
        if not self._paused and not self._closed:
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._paused and not self._closed:
            self._paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close it at once."""
        self._closed = True
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self.forward is not None:
            if self._held == NO_SECRET:  # The last byte of a response that ends with this.
                self.forward.received(self._held, complete=False, reusable=False)
            self.forward.fail("has ended")
