"""Changes of a world with each kind of store, next to a mock that keeps worlds in memory.

The requests come one after the other over one connection, so each time is that of one request. The
clocks are frozen, and each round begins with an empty world.
"""

import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click

from bench import machine
from bench.server import API, KEY, Server, end, mock, serving
from bench.table import at_most, quantile, spread, table

WANTED = {"dir, everysec": 60.0, "Valkey": 200.0}
"""Microseconds that a change may take longer than in memory, at the median."""

WANTED_DEMO, WANTED_LARGE = 0.15, 3.0
_SERVERS = ("valkey-server", "redis-server")
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
        program = next(filter(None, map(shutil.which, _SERVERS)), None)
        if program is not None:
            port = stack.enter_context(_valkey(program, home))
            options["Valkey"] = ["--store", f"valkey://127.0.0.1:{port}"]
        servers = [
            stack.enter_context(serving(name, _command(*given), cores))
            for name, given in options.items()
        ]
        found = _rounds(servers, requests, rounds)
    click.echo(f"rounds, interleaved: {rounds}, of {requests} changes and as many reads each")
    rows = []
    base = median(one.change for one in found["memory"])
    for name, measured in found.items():
        more = median(one.change for one in measured) - base
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
        for server in servers:
            measured = _round(server, requests)
            if number:
                found[server.name].append(measured)
    return found


def _round(server: Server, requests: int) -> Round:
    server.post("/_mock/reset", {"runs": 0, "live": 0, "scale": 0})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = json.dumps({"scenario": "quick-success"})
    created, times, reads = [], [], []
    spent = server.cpu_seconds()
    for _ in range(requests):
        started = time.perf_counter()
        connection.request("POST", "/_mock/runs", body, {**KEY, "Content-Type": "application/json"})
        content = connection.getresponse().read()
        times.append(time.perf_counter() - started)
        created.append(json.loads(content)["id"])
    spent = server.cpu_seconds() - spent
    for run in created:
        started = time.perf_counter()
        connection.request("GET", f"{API}/{run}", headers=KEY)
        connection.getresponse().read()
        reads.append(time.perf_counter() - started)
    connection.close()
    return Round(quantile(times, 0.5) * 1e6, quantile(reads, 0.5) * 1e6, spent / requests * 1e6)


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


@contextmanager
def _valkey(program: str, home: Path) -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    options = f"--port {port} --bind 127.0.0.1 --appendonly yes --dir {home}".split()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([program, *options], stdout=output, stderr=output)
        try:
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.01)
            yield port
        finally:
            end(process)
