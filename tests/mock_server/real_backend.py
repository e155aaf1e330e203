"""A backend on a socket, whose responses a test chooses byte for byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

PATIENCE = 20
Handler = Callable[["Incoming"], None]


class Incoming:
    """A request as the backend gets it, and its connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := connection.recv(65_536)):
                raise ConnectionError
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        self.line, *fields = head.decode("latin-1").split("\r\n")
        pairs = [field.split(": ", 1) for field in fields]
        self.headers = {name.lower(): value for name, value in pairs}
        while len(body) < int(self.headers.get("content-length", 0)):
            body += connection.recv(65_536)
        self.body = body

    def send(self, *parts: bytes) -> None:
        """Send bytes."""
        for part in parts:
            self.connection.sendall(part)


class RealBackend:
    """A backend whose behaviour the test chooses, and the requests that it got."""

    def __init__(self) -> None:
        self.requests: list[Incoming] = []
        self.handle: Handler = respond
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        # A thread that waits in accept keeps the socket open.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            threading.Thread(target=self._talk, args=[connection], daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ConnectionError):
            while True:
                request = Incoming(connection)
                self.requests.append(request)
                self.handle(request)


def respond(
    request: Incoming, status: str = "200 OK", body: bytes = b'{"theirs":true}', *more: str
) -> None:
    """Send a response with these header fields."""
    fields = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more]
    content = b"" if request.line.startswith("HEAD ") else body
    request.send("\r\n".join([*fields, "", ""]).encode(), content)
