"""Send requests byte by byte that no HTTP library would send: too large, cut off or broken. The
response is read leniently and within bounds; the caller decides how to judge it."""

from __future__ import annotations

import base64
import shlex
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from conformance.client.connection import Connection
from conformance.client.pacing import Pacer
from conformance.client.recorder import Exchange, Traffic
from conformance.client.renewal import Renewals
from conformance.errors import ConnectionRefused, Unsupported

MAX_RESPONSE = 256 * 1024
_SHOWN = 2_000


@dataclass(frozen=True, slots=True)
class Filler:
    """The same text many times over."""

    text: str
    count: int

    def __bytes__(self) -> bytes:
        return self.text.encode() * self.count


@dataclass(frozen=True, slots=True)
class Headers:
    """Header lines with whatever makes the request an ordinary one, credentials among it."""

    values: tuple[tuple[str, str], ...]

    def __bytes__(self) -> bytes:
        return "".join(f"{name}: {value}\r\n" for name, value in self.values).encode("latin-1")


Piece = str | Filler | Headers


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response as read: `status` is None if there was no status line, `body` has all bytes after
    the header, `closed` says that the target closed the connection."""

    status: int | None
    body: bytes
    closed: bool
    exchange: int

    @property
    def responded_or_closed(self) -> bool:
        """Whether anything came of it at all."""
        return self.status is not None or self.closed


class RawClient:
    """Opens a connection for each request; over a proxy only through a tunnel."""

    def __init__(
        self,
        base_url: str,
        connection: Connection,
        traffic: Traffic,
        *,
        timeout: float,
        pacer: Pacer | None = None,
        renewals: Renewals | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._connection = connection
        self._traffic = traffic
        self._pacer = pacer or Pacer()
        self._renewals = renewals or Renewals()
        self.patience = min(timeout, 5.0)
        self.address = f"{parts.scheme}://{parts.netloc}"
        self.path = parts.path
        self._host_header = parts.netloc

    def headers(self, *more: tuple[str, str]) -> Headers:
        """The header lines that every request has, and more."""
        given = self._connection.headers
        named = any(name.lower() == "host" for name, _ in given)
        mine = ((name, self._renewals.current(value)) for name, value in more)
        return Headers((*(() if named else (("Host", self._host_header),)), *given, *mine))

    def exchange(
        self,
        pieces: Sequence[Piece],
        *,
        done: Callable[[bytes], bool] | None = None,
        disconnect: bool = False,
        during: Callable[[], None] | None = None,
    ) -> RawResponse:
        """Send the pieces and read until the target closes the connection, `done` accepts the bytes
        read (by default, a complete response), or `patience` is over.

        With `leave` the connection is given up as soon as all is sent; `during` is called between
        sending and reading. Raise ConnectionRefused if nothing listens.
        """
        self._pacer.wait()
        start = time.monotonic()
        received, closed = b"", False
        with self._open(pieces) as line:
            try:
                for piece in pieces:
                    line.sendall(_bytes(piece))
            except OSError:
                # A target may reject a request before its end: its response can still be read.
                closed = True
            if during is not None:
                during()
            if not disconnect:
                received, closed_by_server = self._listen(line, start, done or _complete)
                closed = closed or closed_by_server
        return self._to_response(pieces, received, closed, time.monotonic() - start)

    def _open(self, pieces: Sequence[Piece]) -> socket.socket:
        plain: socket.socket | None = None
        try:
            plain = self._connect()
            if not self._secure:
                return plain
            context = self._connection.tls()
            return context.wrap_socket(plain, server_hostname=self._host)
        except OSError as fault:
            if plain is not None:
                plain.close()
            number = self._record(pieces, None, {}, b"", 0.0, str(fault))
            raise ConnectionRefused(
                f"no connection to {self._host}:{self._port}: {fault}", exchange=number
            ) from None

    def _connect(self) -> socket.socket:
        if not self._connection.proxy:
            return socket.create_connection((self._host, self._port), self.patience)
        proxy = urlsplit(self._connection.proxy)
        line = socket.create_connection((proxy.hostname or "", proxy.port or 80), self.patience)
        if proxy.scheme == "https":
            line = ssl.create_default_context().wrap_socket(line, server_hostname=proxy.hostname)
        there = f"{self._host}:{self._port}"
        ask = f"CONNECT {there} HTTP/1.1\r\nHost: {there}\r\n"
        if proxy.username:
            login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            ask += f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n"
        line.sendall(f"{ask}\r\n".encode())
        said = b""
        while b"\r\n\r\n" not in said and len(said) < MAX_RESPONSE:
            chunk = line.recv(1)
            if not chunk:
                break
            said += chunk
        if _status(said) != 200:
            line.close()
            raise Unsupported(
                f"it needs a direct connection, and the proxy does not open one to {there}"
            )
        return line

    def _listen(
        self, line: socket.socket, start: float, done: Callable[[bytes], bool]
    ) -> tuple[bytes, bool]:
        received = b""
        while len(received) < MAX_RESPONSE and not done(received):
            left = self.patience - (time.monotonic() - start)
            if left <= 0:
                return received, False
            line.settimeout(left)
            try:
                chunk = line.recv(65_536)
            except TimeoutError:
                return received, False
            except OSError:
                return received, True
            if not chunk:
                return received, True
            received += chunk
        return received, False

    def _to_response(
        self, pieces: Sequence[Piece], received: bytes, closed: bool, seconds: float
    ) -> RawResponse:
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        status = _status(received)
        note = "" if status is not None else "connection closed" if closed else "no response read"
        number = self._record(pieces, status, headers, body, seconds, note)
        return RawResponse(status, body, closed, number)

    def _record(
        self,
        pieces: Sequence[Piece],
        status: int | None,
        headers: dict[str, str],
        body: bytes,
        seconds: float,
        note: str,
    ) -> int:
        shown = "".join(map(self._shown, pieces))
        method = shown.partition(" ")[0]
        return self._traffic.keep(
            Exchange(
                number=0,
                method=method if method.isalpha() and len(method) < 20 else "?",
                url=self.address,
                request_headers={},
                request_body=shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]} ...",
                status=status,
                response_headers=headers,
                response_body=body.decode("utf-8", "replace"),
                seconds=round(seconds, 4),
                note=note,
                shell_command=self._command(pieces),
            )
        )

    def _shown(self, piece: Piece) -> str:
        if isinstance(piece, Filler):
            return f"{piece.text * 8}... ({piece.count * len(piece.text)} bytes)"
        return piece if isinstance(piece, str) else bytes(self._without_secrets(piece)).decode()

    def _without_secrets(self, piece: Headers) -> Headers:
        return Headers(tuple(self._traffic.redactor.request_headers(dict(piece.values)).items()))

    def _command(self, pieces: Sequence[Piece]) -> str:
        """Return a shell command that sends the same bytes, the credential in a variable."""
        words = "".join(map(self._word, pieces))
        where = f"{self._host}:{self._port}"
        options = "".join(f" {shlex.quote(o)}" for o in self._connection.openssl_options)
        tool = f"openssl s_client -quiet -connect {where}{options}"
        return f"printf %b {words} | " + (tool if self._secure else f"nc {self._host} {self._port}")

    def _word(self, piece: Piece) -> str:
        if isinstance(piece, Filler):
            text = shlex.quote(_escaped(piece.text))
            return f'"$(yes {text} | head -n {piece.count} | tr -d "\\n")"'
        if isinstance(piece, str):
            return shlex.quote(_escaped(piece))
        return f'"{_escaped(bytes(self._without_secrets(piece)).decode("latin-1"))}"'


def _bytes(piece: Piece) -> bytes:
    return piece.encode("latin-1") if isinstance(piece, str) else bytes(piece)


def _escaped(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
    return "".join(c if " " <= c <= "~" else f"\\0{ord(c):03o}" for c in escaped)


def _status(received: bytes) -> int | None:
    first = received[:64].partition(b"\r\n")[0].split(b" ")
    if len(first) < 2 or not first[0].startswith(b"HTTP/1.") or not first[1].isdigit():
        return None
    return int(first[1])


def _complete(received: bytes) -> bool:
    """A header, and as much of a body as it announces: of a length that is given, or anything."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length" and value.strip().isdigit():
            return len(body) >= int(value)
        if name == b"transfer-encoding":
            return body.endswith(b"0\r\n\r\n")
    return False
