"""A small forward proxy: requests in absolute form and tunnels, for those who know its password,
to whichever port is named, on this machine."""

from __future__ import annotations

import base64
import select
import socket
import threading
from typing import Self
from urllib.parse import urlsplit

PASSWORD = "let-us-through-please"
_LOGIN = base64.b64encode(f"me:{PASSWORD}".encode())


class ForwardProxy:
    """Serves from threads for as long as the block lasts; `passed` counts what it let through."""

    def __init__(self) -> None:
        self.passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *fault: object) -> None:
        # Closing alone does not wake a thread that waits for connections.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = client.recv(65_536)
                if not chunk:
                    return
                head += chunk
            if b"Basic " + _LOGIN not in head:
                client.sendall(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
                return
            self.passed += 1
            line, _, rest = head.partition(b"\r\n")
            method, target, version = line.split(b" ", 2)
            where = urlsplit(b"//" + target if method == b"CONNECT" else target)
            with socket.create_connection(("127.0.0.1", where.port or 80)) as server:
                if method == b"CONNECT":
                    client.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
                else:
                    path = target.split(b"/", 3)[3]
                    # One request a connection keeps this small.
                    rest = rest.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
                    server.sendall(method + b" /" + path + b" " + version + b"\r\n" + rest)
                _pump(client, server)


def _pump(one: socket.socket, other: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([one, other], [], [], 30)
        if not ready:
            return
        for source in ready:
            try:
                data = source.recv(65_536)
                if not data:
                    return
                (other if source is one else one).sendall(data)
            except OSError:
                return
