"""An open event stream, read on a thread of its own so that a check can act while it listens and
never waits longer than it means to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx2

from conformance.client.response import Response, media_type
from conformance.client.sse import Parser, ServerSentEvent
from conformance.errors import CheckFailed

MAX_STREAM = 16 * 1024 * 1024
MAX_EVENTS = 50_000
MAX_PREFIX = 64 * 1024


class Stream:
    """A response that goes on. `ended` says that nothing more comes, `closed` that this was the
    server's doing and not that it was left."""

    def __init__(
        self,
        response: httpx2.Response,
        url: str,
        *,
        opened: float,
        record: Callable[[Stream], int],
        left: Callable[[int, list[ServerSentEvent]], None],
    ) -> None:
        self.url = url
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.head = b""
        self.ended = False
        self.closed = False
        self.broken = ""
        self._opened = opened
        self._size = 0
        self._received_at = opened
        self._longest_gap = 0.0
        self._parser = Parser()
        self._response = response
        self._record = record
        self._left = left
        self._exchange: int | None = None
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True, name=f"stream {url}")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case."""
        return media_type(self.headers)

    @property
    def events(self) -> list[ServerSentEvent]:
        """The events so far."""
        with self._changed:
            return list(self._parser.events)

    @property
    def faults(self) -> list[str]:
        """Return the parts that a browser would have dropped so far."""
        with self._changed:
            return list(self._parser.faults)

    @property
    def message_count(self) -> int:
        """How many events and comments there have been."""
        with self._changed:
            return len(self._parser.events) + self._parser.comments

    @property
    def comments(self) -> int:
        """How many comments there have been."""
        return self._parser.comments

    @property
    def longest_gap(self) -> float:
        """The longest time in seconds that something came after."""
        return self._longest_gap

    @property
    def idle_seconds(self) -> float:
        """How long nothing has come, in seconds."""
        return time.monotonic() - self._received_at

    @property
    def exchange(self) -> int:
        """The number under which the exchange is on record."""
        if self._exchange is None:
            self._exchange = self._record(self)
        return self._exchange

    def wait(self, seconds: float, ready: Callable[[Stream], bool]) -> bool:
        """Wait until `ready` or the end, `seconds` at the most; returns whether it is ready."""
        deadline = time.monotonic() + seconds
        while True:
            if ready(self):
                return True
            with self._changed:
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    break
                self._changed.wait(min(left, 0.05))
        return ready(self)

    def first_response(self, seconds: float) -> Response:
        """Return the stream as a response: an error complete, events cut after their first
        bytes."""
        streaming = self.media_type == "text/event-stream"
        if (
            not self.wait(seconds, lambda s: s.ended or (streaming and bool(s.head)))
            and not streaming
        ):
            raise CheckFailed(f"GET {self.url} did not complete its response in {seconds:g} s")
        return Response(
            method="GET",
            url=self.url,
            status=self.status,
            headers=self.headers,
            body=self.head,
            seconds=time.monotonic() - self._opened,
            exchange=self.exchange,
        )

    def close(self) -> None:
        """Disconnect; the reading thread has ended when this returns."""
        self._closing = True
        if not self.ended:
            _disconnect(self._response)
        self._thread.join(timeout=5)
        self._left(self.exchange, self.events)

    def _read(self) -> None:
        try:
            # An idle stream is not an error: the caller keeps time, and disconnecting ends it.
            self._response.request.extensions["timeout"]["read"] = None
            for chunk in self._response.iter_raw():
                with self._changed:
                    self._take(chunk)
                    self._changed.notify_all()
                if self._closing:
                    return
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as fault:
            self.broken = "" if self._closing else str(fault) or type(fault).__name__
        finally:
            self._response.close()
            with self._changed:
                self.closed = not self._closing
                if self.closed:
                    self._parser.end()
                self.ended = True
                self._changed.notify_all()

    def _take(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if len(self.head) < MAX_PREFIX:
            self.head += chunk[: MAX_PREFIX - len(self.head)]
        if self._size > MAX_STREAM:
            raise OSError(f"the stream exceeds {MAX_STREAM} bytes")
        if max(len(self._parser.events), len(self._parser.faults)) > MAX_EVENTS:
            raise OSError(f"the stream has more than {MAX_EVENTS} events")
        now = time.monotonic()
        self._longest_gap = max(self._longest_gap, now - self._received_at)
        self._received_at = now
        self._parser.feed(chunk, now - self._opened)


def _disconnect(response: httpx2.Response) -> None:
    network = response.extensions.get("network_stream")
    connection = None if network is None else network.get_extra_info("socket")
    if isinstance(connection, socket.socket):
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
