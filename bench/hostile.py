"""Whether the mock's memory returns after hostile clients: imports, links, resets, invalid
documents, floods, oversized and unfinished requests, and clients that leave, all at once.

The first rounds fill caches, journals and the allocator's pools; the last is set against them.
"""

import base64
import json
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from bench import machine
from bench.errors import BenchError
from bench.server import API, HEALTH, Server, mock, serving
from bench.table import table

MAX_GROWTH = 0.2
"""The share by which the resident memory may grow after the first rounds."""

_WARM_UP = 2

_SETTLE = 1.0
_RUNS = 3_000
_IMPORTED = 4
"""The worlds that imports replace."""

_TIMEOUT = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How often each kind of client comes in a round, and the number of rounds."""

    times: int
    rounds: int


class Clients:
    """The hostile clients of one server, one method for each kind."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._random = random.Random(1)
        server.post("/_mock/reset?world=test-source", {"runs": _RUNS, "live": 20, "scale": 0})
        self._document = server.get("/_mock/state?world=test-source")
        run = server.post("/_mock/runs?world=test-source", {"scenario": "hang"})
        self._run = run["id"]
        self._token = server.post("/_mock/repro?world=test-source", {"runs": [run["id"]]})["token"]
        self._open: list[socket.socket] = []
        steps = [{"key": "a", "repeat": 1_000}, {"key": "b", "repeat": 1_000, "dependsOn": ["a"]}]
        plays = {"summary": "S", "automation": {"name": "A"}, "steps": steps}
        scenarios = [{"name": str(number), "plays": plays} for number in range(40)]
        small = json.loads(self._document) | {"runs": [], "due": [], "arrivals": None}
        self._large = small | {"scenarios": scenarios}
        for number in range(_IMPORTED):  # What grows later is then not a world more.
            self._import(number)

    def kinds(self) -> dict[str, Callable[[], None]]:
        """Return each kind of client by its name."""
        return {
            "imports": self.imports,
            "damaged imports": self.damaged_imports,
            "links": self.links,
            "resets": self.resets,
            "floods": self.floods,
            "oversized heads": self.oversized_heads,
            "unfinished requests": self.unfinished_requests,
            "streams left": self.streams_left,
            "bodies left": self.bodies_left,
        }

    def imports(self) -> None:
        """A large world in place of another one."""
        self._import(self._random.randrange(_IMPORTED))

    def damaged_imports(self) -> None:
        """A large document with a mistake near its end."""
        cut = len(self._document) - self._random.randrange(1, 2_000)
        damaged = self._document[:cut] + b"9" + self._document[cut:]
        self._send("PUT", "/_mock/state?world=test-damaged", damaged)

    def links(self) -> None:
        """A link that is opened, and one that stands for far too much."""
        self._send("POST", f"/_mock/repro/{self._token}", b"")
        packed = zlib.compress(json.dumps(self._large).encode(), 9)
        token = base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
        self._send("POST", f"/_mock/repro/{token}", b"")

    def resets(self) -> None:
        """A world that begins again, with a stream and its runs."""
        self._send("POST", "/_mock/reset?world=test-reset", b'{"runs": 200, "live": 20}')
        self._send("GET", f"{API}?limit=1000", b"", "X-API-Key: test-reset\r\n")

    def floods(self) -> None:
        """Far more requests than the client reads responses, some behind a stream."""
        path = f"{API}/{self._run}/events" if self._random.random() < 0.5 else API
        request = f"GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: test-source\r\n\r\n".encode()
        with suppress(OSError), self._connection() as connection:
            connection.settimeout(0.5)
            for _ in range(20):
                connection.sendall(request * 2_000)

    def oversized_heads(self) -> None:
        """One field of a megabyte, ten thousand fields, and a path of a megabyte."""
        begin = f"GET {API} HTTP/1.1\r\nHost: a\r\n".encode()
        for content in (
            begin + b"X: " + b"y" * 1_000_000,
            begin + b"X: y\r\n" * 10_000 + b"\r\n",
            b"GET /" + b"y" * 1_000_000,
        ):
            with suppress(OSError), self._connection() as connection:
                connection.sendall(content)
                connection.recv(65_536)

    def unfinished_requests(self) -> None:
        """Connections that stay open in the middle of a head and of a body."""
        post = f"POST {API}/{self._run}/retry HTTP/1.1\r\nHost: a\r\nX-API-Key: test-source\r\n"
        for content in (b"", b"GET /", post.encode() + b"Content-Length: 9\r\n\r\n{") * 10:
            connection = self._connection()
            connection.sendall(content)
            self._open.append(connection)

    def streams_left(self) -> None:
        """Streams whose clients leave: at once, without reading, and with requests in line."""
        head = f"GET {API}/{self._run}/events HTTP/1.1\r\nHost: a\r\nX-API-Key: test-source\r\n\r\n"
        for number in range(20):
            with self._connection() as connection:
                connection.sendall(head.encode() * (1 + number % 3))
                if number % 2:
                    connection.recv(1)

    def bodies_left(self) -> None:
        """Clients that leave in the middle of a large body, or do not read a large response."""
        head = "PUT /_mock/state?world=test-left HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(self._document)}\r\n\r\n"
        with self._connection() as connection:
            connection.sendall(head.encode() + self._document[:500_000])
        with self._connection() as connection:
            request = "GET /_mock/state?world=test-source HTTP/1.1\r\nHost: localhost\r\n\r\n"
            connection.sendall(request.encode())
            connection.recv(10)

    def close(self) -> None:
        """Close what is still open."""
        for connection in self._open:
            connection.close()
        self._open.clear()

    def _import(self, number: int) -> None:
        self._send("PUT", f"/_mock/state?world=test-import-{number}", self._document)

    def _send(self, method: str, path: str, body: bytes, lines: str = "") -> None:
        """Send a request and read the response. Raise BenchError for a server error."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        received = b""
        with self._connection() as connection:
            connection.sendall(head.encode() + body)
            while piece := connection.recv(65_536):
                received = received or piece
        status = int(received[9:12] or 0)
        if not 200 <= status < 500 and status != 503:
            raise BenchError(f"{method} {path[:60]}: {received[:300].decode('latin-1')}")

    def _connection(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._server.port), timeout=_TIMEOUT)


def measure(cores: machine.Cores, plan: Plan) -> None:
    """Print the figures. Raise BenchError for memory that does not return."""
    machine.require("taskset")
    click.echo(machine.describe(cores))
    rows, resident = [], []
    with serving("mock", mock, cores) as server:
        clients = Clients(server)
        for number in range(plan.rounds + 1):
            longest = 0.0
            if number:
                click.echo(f"round {number} of {plan.rounds}", err=True)
                longest = _round(server, clients, plan)
                clients.close()
                time.sleep(_SETTLE)
            resident.append(server.resident_bytes() / 2**20)
            descriptors = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
            streams = json.loads(server.get(HEALTH))["streams"]
            when = f"after round {number}" if number else "at the beginning"
            figures = (f"{resident[-1]:.1f}", str(descriptors), str(streams), f"{longest:.2f}")
            rows.append((when, *figures))
    heads = ("", "resident MiB", "descriptors", "streams", "longest wait, s")
    click.echo(table(heads, rows))
    growth = resident[-1] / resident[min(_WARM_UP, plan.rounds)] - 1
    click.echo(f"\nfrom the end of round {_WARM_UP} to that of the last: {growth:+.1%}")
    if growth > MAX_GROWTH:
        raise BenchError(f"the resident memory has grown by more than {MAX_GROWTH:.0%}")


def _round(server: Server, clients: Clients, plan: Plan) -> float:
    """Let all kinds of clients come at once; return the longest wait of a well-behaved one."""
    failures: list[Exception] = []

    def come(kind: Callable[[], None]) -> None:
        try:
            for _ in range(plan.times):
                kind()
        except (BenchError, OSError) as error:
            failures.append(error)

    threads = [
        threading.Thread(target=come, args=(kind,), name=name, daemon=True)
        for name, kind in clients.kinds().items()
    ]
    for thread in threads:
        thread.start()
    longest = 0.0
    while any(thread.is_alive() for thread in threads):
        began = time.perf_counter()
        server.get(f"{API}?limit=1")
        longest = max(longest, time.perf_counter() - began)
        time.sleep(0.02)
    if failures:
        raise BenchError(f"a client was not served: {failures[0]}")
    return longest
