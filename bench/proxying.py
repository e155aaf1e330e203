"""What the proxy adds: the time of a read and of the first byte of a stream, next to the same
without it, in turns; the processor time of the process that relays; and the memory of both."""

import http.client
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import click

from bench import machine
from bench.errors import BenchError
from bench.server import API, KEY, Server, mock, serving
from bench.table import at_most, quantile, spread, table

READ_LIMIT, STREAM_LIMIT, MEMORY_LIMIT = 1.0, 2.0, 200.0
_MIB = 1024 * 1024


def proxy(target: Server) -> Callable[[int], list[str]]:
    """The command of a proxy before ``target``."""
    address = target.url("")
    command = [sys.executable, "-m", "conformance", "proxy", "--target", address]
    return lambda port: [*command, "--port", str(port)]


def measure(cores: machine.Cores, rounds: int, reads: int) -> None:
    """Print the figures. Raises BenchError."""
    machine.require("taskset")
    click.echo(machine.describe(cores))
    with serving("mock", mock, cores) as server:
        server.post("/_mock/reset", {"runs": 200, "live": 0})
        run_id = server.post("/_mock/runs", {"scenario": "hang"})["id"]
        with serving("proxy", proxy(server), machine.Cores(cores.load[-1], cores.load)) as between:
            paths = {
                "one run": (f"{API}/{run_id}", _read, READ_LIMIT),
                "a page of 100": (f"{API}?limit=100", _read, READ_LIMIT),
                "first byte of a stream": (f"{API}/{run_id}/events", _first_byte, STREAM_LIMIT),
            }
            before = _resident(between.pid)
            rows = []
            for name, (path, take, limit) in paths.items():
                count = reads if take is _read else max(reads // 10, 10)
                rows.append(_compare(name, server, between, path, take, rounds, count, limit))
            after = _resident(between.pid)
    heads = (
        "request",
        "directly ms",
        "by the proxy ms",
        "added ms",
        "p99 added",
        "relay CPU ms",
        "target",
    )
    click.echo(table(heads, rows))
    click.echo(
        f"\nResident memory of both processes: {before / _MIB:.0f} MiB before, "
        f"{after / _MIB:.0f} MiB after; {at_most(MEMORY_LIMIT, after / _MIB, ' MiB')}"
    )


def _compare(
    name: str,
    server: Server,
    between: Server,
    path: str,
    take: Callable[[int, str, int], list[float]],
    rounds: int,
    count: int,
    limit: float,
) -> list[str]:
    """Time both in turns, so that a slow period of the machine affects both."""
    click.echo(f"timing {name}", err=True)
    direct, proxied, added, tail = [], [], [], []
    relay = _relay(between)
    busy = 0.0
    for port in (server.port, between.port):
        take(port, path, count // 4 or 1)
    for _ in range(rounds):
        one, cpu = take(server.port, path, count), relay.cpu_seconds()
        other = take(between.port, path, count)
        busy += relay.cpu_seconds() - cpu
        direct.append(median(one))
        proxied.append(median(other))
        added.append(median(other) - median(one))
        tail.append(quantile(other, 0.99) - quantile(one, 0.99))
    result = median(added)
    cells = [spread(direct, 3), spread(proxied, 3), spread(added, 3), f"{median(tail):.3f}"]
    cells.append(f"{busy * 1_000 / rounds / count:.3f}")
    return [name, *cells, at_most(limit, result, " ms")]


def _read(port: int, path: str, count: int) -> list[float]:
    """The milliseconds of each of ``count`` reads on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        connection.request("GET", path, headers=KEY)
        answer = connection.getresponse()
        answer.read()
        times.append((time.perf_counter() - begun) * 1_000)
        if answer.status != 200:
            raise BenchError(f"GET {path}: {answer.status}")
    connection.close()
    return times


def _first_byte(port: int, path: str, count: int) -> list[float]:
    """The milliseconds to the first byte of ``count`` streams, each on its own connection."""
    times = []
    for _ in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        begun = time.perf_counter()
        connection.request("GET", path, headers=KEY)
        answer = connection.getresponse()
        answer.read1(1)
        times.append((time.perf_counter() - begun) * 1_000)
        connection.close()
    return times


def _relay(between: Server) -> Server:
    """The process of the proxy that passes bytes on, a child of the one that judges."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(between.pid)], capture_output=True, text=True, check=True
    )
    return replace(between, pid=int(found.stdout.split()[0]))


def _resident(pid: int) -> int:
    """The resident memory of a process and its children."""
    family = subprocess.run(
        ["ps", "-o", "rss=", "--pid", str(pid), "--ppid", str(pid)],
        capture_output=True,
        text=True,
        check=True,
    )
    return sum(int(line) * 1024 for line in family.stdout.split())
