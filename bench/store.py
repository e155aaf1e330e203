"""Changes of a world with each kind of store, next to a mock that keeps worlds in memory.

The requests come one after the other over one connection, so each time is that of one request. The
mocks take turns of a few requests, so that all see the same machine. The clocks are frozen, and
each round begins with an empty world.
"""

import http.client
import json
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple, Self

import click

from bench import machine, valkey
from bench.server import API, KEY, Server, mock, serving
from bench.table import at_most, quantile, spread, table

WANTED = {"dir, everysec": 60.0, "Valkey": 200.0}
"""Microseconds that a change may take longer than in memory, at the median."""

WANTED_DEMO, WANTED_LARGE = 0.15, 3.0
_TURN = 25
_MIB = 2**20


def measure(cores: machine.Cores, requests: int, rounds: int) -> None:
    """Print the comparison. Raises BenchError."""
    machine.require("taskset")
    click.echo(machine.describe(cores, "http.client"))
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-store-")))
        options = {"memory": ["--store", "memory"]}
        for policy in ("no", "everysec", "always"):
            options[f"dir, {policy}"] = ["--store", f"dir:{home / policy}", "--fsync", policy]
        if valkey.program() is not None:
            options["Valkey"] = ["--store", stack.enter_context(valkey.running(home)).location]
        servers = [
            stack.enter_context(serving(name, _command(*given), cores))
            for name, given in options.items()
        ]
        found = _rounds(servers, requests, rounds)
    click.echo(f"rounds, interleaved: {rounds}, of {requests} changes and as many reads each")
    rows = []
    for name, measured in found.items():
        more = median(
            one.change - base.change for one, base in zip(measured, found["memory"], strict=True)
        )
        wanted = WANTED.get(name)
        rows.append(
            (
                name,
                spread([one.change for one in measured]),
                f"{more:+.0f}",
                spread([one.cpu for one in measured]),
                spread([one.read for one in measured]),
                "" if wanted is None else at_most(wanted, more, " µs more"),
            )
        )
    click.echo(table(("", "change, µs", "more", "its CPU, µs", "read, µs", "wanted"), rows))
    _restarts(cores)


class Round(NamedTuple):
    """Microseconds, as medians: of a change, of a read, and of processor time for a change."""

    change: float
    read: float
    cpu: float


def _rounds(servers: list[Server], requests: int, rounds: int) -> dict[str, list[Round]]:
    """What was measured of each server; the first round warms up and does not count."""
    found: dict[str, list[Round]] = {one.name: [] for one in servers}
    for number in range(rounds + 1):
        with ExitStack() as stack:
            clients = [stack.enter_context(_Client(server)) for server in servers]
            for _ in range(0, requests, _TURN):
                for client in clients:
                    client.change(_TURN)
            for _ in range(0, requests, _TURN):
                for client in clients:
                    client.read(_TURN)
        if number:
            for client in clients:
                found[client.server.name].append(client.round())
    return found


class _Client:
    """The connection with one server in one round."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self._created: list[str] = []
        self._changes: list[float] = []
        self._reads: list[float] = []
        self._spent = 0.0

    def __enter__(self) -> Self:
        self.server.post("/_mock/reset", {"runs": 0, "live": 0, "scale": 0})
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def change(self, times: int) -> None:
        """Create runs."""
        body = json.dumps({"scenario": "quick-success"})
        headers = {**KEY, "Content-Type": "application/json"}
        spent = self.server.cpu_seconds()
        for _ in range(times):
            started = time.perf_counter()
            self._connection.request("POST", "/_mock/runs", body, headers)
            content = self._connection.getresponse().read()
            self._changes.append(time.perf_counter() - started)
            self._created.append(json.loads(content)["id"])
        self._spent += self.server.cpu_seconds() - spent

    def read(self, times: int) -> None:
        """Read runs that were created."""
        for _ in range(times):
            run = self._created[len(self._reads)]
            started = time.perf_counter()
            self._connection.request("GET", f"{API}/{run}", headers=KEY)
            self._connection.getresponse().read()
            self._reads.append(time.perf_counter() - started)

    def round(self) -> Round:
        """Return what was measured."""
        return Round(
            quantile(self._changes, 0.5) * 1e6,
            quantile(self._reads, 0.5) * 1e6,
            self._spent / len(self._changes) * 1e6,
        )


def _restarts(cores: machine.Cores) -> None:
    """Print how long the first page of a stored world takes after a start."""
    rows = []
    for start, wanted in (("demo", WANTED_DEMO), ("ten-thousand", WANTED_LARGE)):
        with tempfile.TemporaryDirectory(prefix="bench-store-") as home:
            given = ("--store", f"dir:{home}", "--start", start)
            with serving(start, _command(*given), cores) as server:
                server.get(API)
            with serving(start, _command(*given), cores) as server:
                started = time.perf_counter()
                server.get(API)
                took = time.perf_counter() - started
            size = sum(one.stat().st_size for one in Path(home).rglob("*") if one.is_file())
        rows.append((start, f"{took:.3f}", f"{size / _MIB:.1f}", at_most(wanted, took, " s")))
    click.echo("\nThe first page of a stored world after a start")
    click.echo(table(("", "s", "MiB", "wanted"), rows))


def _command(*options: str) -> Callable[[int], list[str]]:
    return lambda port: [*mock(port), *options]
