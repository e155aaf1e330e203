"""A TCP proxy between a browser and a mock that cuts one connection in the middle of an event.

It copies bytes and changes none. What the client asks for is written down. The first time that one
more event has begun than may pass, the connection falls silent until the test cuts it: a browser
that still has bytes to read when a connection breaks may throw them away.
"""

import contextlib
import re
import socket
import threading
from socketserver import BaseRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_EVENT = re.compile(rb"^id: \d+\nevent: ", re.MULTILINE)


class CuttingProxy(ThreadingTCPServer):
    """Serves at ``url`` what is at ``upstream``, for as long as the block lasts; one connection
    falls silent in the event after the first ``whole`` ones. ``requests`` holds the first line and
    the headers, names in lower case, of each request in the order of arrival."""

    daemon_threads = True

    def __init__(self, upstream: str, whole: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        address = urlsplit(upstream)
        self.upstream = (address.hostname, address.port)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.whole = whole
        self.silenced = False
        self._cut = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cut()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def cut(self) -> None:
        """Close both ends of the connection that has fallen silent, or will."""
        self._cut.set()

    def wait_for_cut(self) -> None:
        self._cut.wait()


class _Connection(BaseRequestHandler):
    server: CuttingProxy

    def handle(self) -> None:
        with socket.create_connection(self.server.upstream) as upstream:
            threading.Thread(target=self._ask, args=(upstream,), daemon=True).start()
            self._answer(upstream)

    def _ask(self, upstream: socket.socket) -> None:
        """Copy what the client sends, requests without a body, until it closes."""
        pending = b""
        while data := _receive(self.request):
            pending += data
            *heads, pending = pending.split(b"\r\n\r\n")
            for head in heads:
                first, *rest = head.decode("latin-1").split("\r\n")
                fields = (line.split(": ", 1) for line in rest)
                headers = {name.lower(): value for name, value in fields}
                self.server.requests.append((first, headers))
            upstream.sendall(data)
        _close(upstream)

    def _answer(self, upstream: socket.socket) -> None:
        """Copy what the mock sends, until it closes or this connection is cut."""
        passed = b""
        while data := _receive(upstream):
            begun = [event.end() for event in _EVENT.finditer(passed + data)]
            if not self.server.silenced and len(begun) > self.server.whole:
                self.server.silenced = True
                self.request.sendall(data[: begun[self.server.whole] - len(passed)])
                self.server.wait_for_cut()
                break
            passed += data
            self.request.sendall(data)
        _close(self.request)
        _close(upstream)


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except OSError:
        return b""


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
