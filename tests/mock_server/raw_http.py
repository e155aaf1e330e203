"""Requests over a bare socket, for what an HTTP client would hide."""

import socket
from urllib.parse import urlsplit

from mock_server.testing import MockWorld


def opened(world: MockWorld, path: str, method: str = "GET") -> socket.socket:
    """A connection on which the request was sent; nothing of the answer is read."""
    where = urlsplit(world.base_url)
    connection = socket.create_connection((where.hostname or "", where.port or 0), timeout=20)
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {where.netloc}",
        f"X-API-Key: {world.key}",
        "Connection: close",
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def read(connection: socket.socket) -> bytes:
    """Everything until the other side closes. Raises ConnectionResetError."""
    text = b""
    with connection:
        while piece := connection.recv(65_536):
            text += piece
    return text


def answer(world: MockWorld, path: str, method: str = "GET") -> tuple[bytes, bytes]:
    """Head and body of the answer, as they came."""
    head, _, body = read(opened(world, path, method)).partition(b"\r\n\r\n")
    return head, body


def content_length(head: bytes) -> int:
    """What the head says about the body's length."""
    lines = head.lower().split(b"\r\n")
    return int(next(line for line in lines if line.startswith(b"content-length:"))[15:])
