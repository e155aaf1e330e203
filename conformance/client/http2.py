"""Find out whether a server that does not respond to HTTP/1.1 speaks HTTP/2, which the kit does
not: with TLS it then chooses `h2`, without TLS it replies to the preface with its settings."""

from __future__ import annotations

import contextlib
import socket
from urllib.parse import urlsplit

from conformance.client.connection import Connection

# RFC 9113, sections 3.4 and 4.1: the preface, and an empty SETTINGS frame.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
_FRAME_HEADER, _SETTINGS = 9, 4
_SECONDS = 3.0


def speaks_http2(base_url: str, connection: Connection) -> bool:
    """Whether the server accepts HTTP/2. Unknown, and False, over a proxy."""
    parts = urlsplit(base_url)
    if connection.proxy or not parts.hostname:
        return False
    secure = parts.scheme == "https"
    address = parts.hostname, parts.port or (443 if secure else 80)
    # A server that speaks neither may do anything.
    with (
        contextlib.suppress(OSError, ValueError),
        socket.create_connection(address, _SECONDS) as line,
    ):
        if not secure:
            line.sendall(_PREFACE)
            return _is_settings(_read(line))
        context = connection.tls()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with context.wrap_socket(line, server_hostname=parts.hostname) as tls:
            return tls.selected_alpn_protocol() == "h2"
    return False


def _read(line: socket.socket) -> bytes:
    received = b""
    while len(received) < _FRAME_HEADER and (chunk := line.recv(_FRAME_HEADER - len(received))):
        received += chunk
    return received


def _is_settings(frame: bytes) -> bool:
    """Whether this is the header of a SETTINGS frame for the whole connection."""
    return len(frame) == _FRAME_HEADER and frame[3] == _SETTINGS and frame[5:] == b"\0\0\0\0"
