"""Requests over a bare socket, for details that an HTTP client would hide."""

import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from mock_server.testing import MockWorld


def opened(
    world: MockWorld, path: str, method: str = "GET", lines: Sequence[str] = ()
) -> socket.socket:
    """Send a request and return the connection before any part of the response is read."""
    where = urlsplit(world.base_url)
    connection = socket.create_connection((where.hostname or "", where.port or 0), timeout=20)
    head = [
        f"{method} {path} HTTP/1.1",
        f"Host: {where.netloc}",
        f"X-API-Key: {world.key}",
        "Connection: close",
        *lines,
    ]
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    return connection


def read(connection: socket.socket) -> bytes:
    """Return all bytes until the server closes. Raise ConnectionResetError."""
    text = b""
    with connection:
        while piece := connection.recv(65_536):
            text += piece
    return text


def answer(
    world: MockWorld, path: str, method: str = "GET", lines: Sequence[str] = ()
) -> tuple[bytes, bytes]:
    """Return head and body of a response, as bytes."""
    head, _, body = read(opened(world, path, method, lines)).partition(b"\r\n\r\n")
    return head, body


def content_length(head: bytes) -> int:
    """Return the content length that the head declares."""
    lines = head.lower().split(b"\r\n")
    return int(next(line for line in lines if line.startswith(b"content-length:"))[15:])
