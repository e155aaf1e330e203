"""Servers that break every rule, byte by byte: what the kit must survive. Each is a function that
is given a connection and the header of a request; some pass requests on to a good server and break
only some of them."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Self

Act = Callable[["Hostile", socket.socket, bytes], None]
MIB = 1024 * 1024
BUDGET = 8.0
"""Seconds for a run on a server that is too slow."""
ENOUGH = 40.0
"""Seconds for a run that should end by itself, also where the machine is slow."""
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n\r\n"
EVENTS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


class Hostile:
    """Listens for as long as the block lasts; `act` is what becomes of each request, `good` the
    port of a server that some requests are passed on to."""

    def __init__(self, act: Act, good: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.good = good
        self.heads: list[bytes] = []
        self.gone = threading.Event()
        self._act = act
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *fault: object) -> None:
        self.die()

    def die(self) -> None:
        """Listen no more, and let go of who is being served."""
        self.gone.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def relay(self, client: socket.socket, head: bytes, old: bool = False) -> None:
        """Let the good server answer, one request a connection; as HTTP/1.0 if `old`."""
        first, _, rest = head.partition(b"\r\n")
        with socket.create_connection(("127.0.0.1", self.good)) as server:
            server.sendall(first + b"\r\nConnection: close\r\n" + rest)
            threading.Thread(target=_pour, args=(client, server), daemon=True).start()
            if old:
                client.sendall(server.recv(65_536).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
            _pour(server, client)

    def _accept(self) -> None:
        while not self.gone.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), client:
            if self._tls is not None:
                client = self._tls.wrap_socket(client, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = client.recv(65_536)
                if not chunk:
                    return
                head += chunk
            self.heads.append(head)
            self._act(self, client, head)


@contextmanager
def closed_port() -> Iterator[int]:
    """A port without a listener, reserved meanwhile."""
    with socket.socket() as held:
        # A test may listen there later.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)


def response(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole answer in JSON."""
    lines = [b"HTTP/1.1 " + status, b"Content-Type: application/json", *headers]
    lines += [b"Connection: close", b"Content-Length: %d" % len(body), b"", body]
    return b"\r\n".join(lines)


def says(*parts: bytes) -> Act:
    """The same bytes to everybody, and goodbye."""

    def act(server: Hostile, client: socket.socket, head: bytes) -> None:
        for part in parts:
            client.sendall(part)

    return act


def bomb(layers: int, encoding: bytes) -> Act:
    """Return a server whose body grows to 64 MiB; it is compressed at the first request."""

    @cache
    def whole() -> bytes:
        body = bytes(64 * MIB)
        for _ in range(layers):
            body = gzip.compress(body, 1)
        return response(body, b"Content-Encoding: " + encoding)

    def act(server: Hostile, client: socket.socket, head: bytes) -> None:
        client.sendall(whole())

    return act


def repeats(start: bytes, again: bytes, pause: float = 0.0) -> Act:
    """Something again and again, until the client leaves."""

    def act(server: Hostile, client: socket.socket, head: bytes) -> None:
        client.sendall(start)
        while not server.gone.wait(pause) if pause else not server.gone.is_set():
            client.sendall(again)

    return act


def only(where: bytes, mutate: Act) -> Act:
    """Break the requests whose first line ends like this, and have the others answered well."""

    def act(server: Hostile, client: socket.socket, head: bytes) -> None:
        path = head.partition(b"\r\n")[0].rpartition(b" ")[0].partition(b"?")[0]
        (mutate if path.endswith(where) else good)(server, client, head)

    return act


def good(server: Hostile, client: socket.socket, head: bytes) -> None:
    """As it should be."""
    server.relay(client, head)


def silent(server: Hostile, client: socket.socket, head: bytes) -> None:
    """Nothing, ever."""
    server.gone.wait(60)


def reset(server: Hostile, client: socket.socket, head: bytes) -> None:
    """The connection is torn down in the middle of an answer."""
    client.sendall(JSON + b"Content-Length: 100\r\n\r\n{")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def old(server: Hostile, client: socket.socket, head: bytes) -> None:
    """HTTP/1.0, which ends a body by hanging up."""
    server.relay(client, head, old=True)


def dies_after(count: int) -> Act:
    """Good for so many requests, and then closed."""

    def act(server: Hostile, client: socket.socket, head: bytes) -> None:
        if len(server.heads) > count:
            server.die()
        else:
            server.relay(client, head)

    return act


def chunk(body: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n" % len(body) + body + b"\r\n"


@dataclass(frozen=True, slots=True)
class Case:
    """A server and what must be said of it: the exit code, and words of the message or remedy.

    `include` are requirements to check where the target is not refused from the start. `timeout`
    and `budget` are options of the run, in seconds: little only where the server is to be too slow,
    or a loaded machine would be. `large` says that it sends more than a client should keep: its
    memory is measured.
    """

    name: str
    act: Act
    code: int
    output: str
    never: str = "Raise --timeout"
    include: tuple[str, ...] = ("LIST-0[1-3]", "GET-01", "HTTP-03")
    timeout: float = 30.0
    budget: float = ENOUGH
    large: bool = False


_PAGE = json.dumps({"items": [], "total": 0}).encode()
_STEPS = ("STEPS-0[1-3]",)
_STREAMS = ("EVENTS-0[1-3]", "EVENTS-05")

_LATE = "no data for 1 s"
_TOO_SLOW = {"timeout": 1.0, "budget": BUDGET}

# Whatever is asked, this is what comes.
CASES = [
    Case("reset in the middle", reset, 2, "else read its log"),
    Case("accepts and is silent", silent, 2, "Raise --timeout", "https://", **_TOO_SLOW),
    Case(
        "endless headers",
        repeats(JSON, b"X-More: and more\r\n"),
        2,
        "not speak valid HTTP",
        large=True,
    ),
    Case(
        "one endless header",
        repeats(JSON + b"X-More: ", b"m" * 4096),
        2,
        "not speak valid HTTP",
        large=True,
    ),
    Case(
        "endless body",
        repeats(CHUNKED, chunk(b" " * 65_536)),
        2,
        "exceeds 33554432 bytes",
        large=True,
    ),
    Case(
        "gigantic body",
        repeats(JSON + b"Content-Length: 1099511627776\r\n\r\n[", b" " * 65_536),
        2,
        "No response of this API is that large",
        large=True,
    ),
    Case(
        "slow drip",
        repeats(JSON + b"Content-Length: 99999\r\n\r\n", b" ", 0.2),
        2,
        "--timeout",
        "https://",
        **_TOO_SLOW,
    ),
    Case(
        "1xx without end",
        repeats(b"", b"HTTP/1.1 103 Hints\r\n\r\n"),
        2,
        "--timeout",
        "https://",
        large=True,
        **_TOO_SLOW,
    ),
    Case("garbage", says(b"\x00\xff\x17 what? \r\n\r\n" * 9), 2, "not speak valid HTTP"),
    Case("another protocol", says(b"220 mail.example ESMTP\r\n"), 2, "If the API uses TLS"),
    Case("goodbye at once", says(), 2, "If the API uses TLS"),
    Case("length too great", says(JSON + b"Content-Length: 999\r\n\r\n" + _PAGE), 2, "no complete"),
    Case("length too small", says(JSON + b"Content-Length: 5\r\n\r\n" + _PAGE), 1, "not JSON"),
    Case("two lengths", says(response(_PAGE, b"Content-Length: 3")), 2, "not speak valid HTTP"),
    Case("chunk of no size", says(CHUNKED + b"zz\r\n{}\r\n"), 2, "not speak valid HTTP"),
    Case(
        "invalid UTF-8",
        says(response(b'{"items": ["\xff\xfe"], "total": 0}')),
        1,
        "not JSON in UTF-8",
    ),
    Case("not a number", says(response(b'{"items": [], "total": NaN}')), 1, "NaN is not JSON"),
    Case(
        "huge number", says(response(b'{"items": [], "total": ' + b"9" * 9999 + b"}")), 1, "LIST-01"
    ),
    Case("beyond any float", says(response(b'{"items": [], "total": 1e9999}')), 1, "LIST-01"),
    Case(
        "nested deeply",
        says(response(b"[" * 200_000 + b"]" * 200_000)),
        1,
        "not JSON",
        large=True,
    ),
    Case(
        "a compression bomb",
        bomb(1, b"gzip"),
        2,
        "that large",
        large=True,
    ),
    Case(
        "a bomb in a bomb",
        bomb(2, b"gzip, gzip"),
        2,
        "does not match its Content-Encoding",
        large=True,
    ),
    Case(
        "packed as it is not",
        says(response(_PAGE, b"Content-Encoding: gzip")),
        2,
        "does not match its Content-Encoding",
    ),
    Case(
        "packed unasked", says(response(gzip.compress(_PAGE), b"Content-Encoding: gzip")), 0, "pass"
    ),
    Case("answers for another", says(response(b'{"id": "x", "status": "pending"}')), 1, "LIST-01"),
    Case(
        "leads in a circle",
        says(response(b"", b"Location: /api", status=b"302 Found")),
        2,
        "a redirect to",
    ),
    Case("not up yet", says(response(b"{}", status=b"503 Soon")), 2, "--wait-for-api"),
    Case(
        "a web site",
        says(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<p>x"),
        2,
        "expected the Automation runs API",
    ),
    Case("no content", says(b"HTTP/1.1 204 No Content\r\n\r\n"), 1, "LIST-01"),
]

# A good server but for one thing.
PARTLY = [
    Case("HTTP/1.0", old, 0, "conformant", include=("LIST-0[1-5]", *_STEPS, *_STREAMS)),
    Case(
        "dies in the middle",
        dies_after(40),
        2,
        "does not respond any more",
        include=("*",),
        budget=60.0,
    ),
    Case(
        "gigantic steps",
        only(b"/steps", repeats(JSON + b"Content-Length: 1099511627776\r\n\r\n[", b" " * 65_536)),
        1,
        "exceeds 33554432 bytes",
        include=_STEPS,
        large=True,
    ),
    Case("no steps", only(b"/steps", silent), 1, _LATE, include=("STEPS-02",), timeout=1.0),
    Case("no streams", only(b"/events", silent), 1, _LATE, include=_STREAMS[:1], timeout=1.0),
    Case(
        "streams without events",
        only(b"/events", repeats(EVENTS, chunk(b": still here\n\n"), 0.05)),
        2,
        "the budget of 3 s was spent",
        include=_STREAMS,
        timeout=1.0,
        budget=3.0,
    ),
    Case(
        "streams without end",
        only(b"/events", repeats(EVENTS, chunk(b'data: {"event": "x"}\n\n' * 100))),
        0,
        "conformant",
        # One recording for both.
        include=("EVENTS-02", "EVENTS-03"),
        large=True,
    ),
    Case(
        "lines without end",
        only(b"/events", repeats(EVENTS, chunk(b"data: " + b"x" * 65_536))),
        0,
        "no event came",
        include=_STREAMS,
        large=True,
    ),
]
