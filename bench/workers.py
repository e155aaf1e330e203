"""Reads of a mock with two workers, next to those of one process.

The requests come one after the other, and each kind takes turns with the others. Of the times of a
round, the tenth that was disturbed least counts.
"""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import fmean, median
from typing import NamedTuple

import click

from bench import machine
from bench.server import API, Server, mock, serving
from bench.table import at_least, at_most, quantile, spread, table
from mock_server.cluster.ownership import rendezvous

WORKERS = 2
WANTED_OWN, WANTED_FORWARDED, WANTED_FIRST, WANTED_CPU = 0.97, 40.0, 250.0, 1.05

_NAMES = tuple(f"worker {number + 1}" for number in range(WORKERS))
_TURN = 20
_SHARE = 0.1
_KEPT = 0.8
"""The share of first requests that counts: the slowest were disturbed."""


class Round(NamedTuple):
    """Microseconds of a read on the connection of its world, of a forwarded read, and of connecting
    with the first read, and of processor time for a read on the connection of its world."""

    own: float
    forwarded: float
    first: float
    cpu: float


def measure(cores: machine.Cores, requests: int, rounds: int) -> None:
    """Print the comparison. Raises BenchError."""
    machine.require("taskset")
    click.echo(machine.describe(cores, "sockets"))
    options = {"one process": [], "two workers": ["--workers", str(WORKERS)]}
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(serving(name, _command(*given), cores))
            for name, given in options.items()
        )
        found = [_round((one, two), requests) for _ in range(rounds + 1)][1:]
    click.echo(f"rounds, interleaved: {rounds}, of {requests} reads of each kind")
    own = median(a.own / b.own for a, b in found)
    forwarded = median(b.forwarded - b.own for _, b in found)
    first = median(2 * (b.first - a.first) for a, b in found)
    cpu = median(b.cpu / a.cpu for a, b in found)
    rows = [
        (
            "read on its connection, µs",
            spread([a.own for a, _ in found]),
            spread([b.own for _, b in found]),
            f"{own:.3f} as fast",
            at_least(WANTED_OWN, own),
        ),
        (
            "forwarded read, µs",
            "",
            spread([b.forwarded for _, b in found]),
            f"{forwarded:+.0f} µs",
            at_most(WANTED_FORWARDED, forwarded, " µs more"),
        ),
        (
            "connecting and first read, µs",
            spread([a.first for a, _ in found]),
            spread([b.first for _, b in found]),
            f"{first:+.0f} µs if handed over",
            at_most(WANTED_FIRST, first, " µs more"),
        ),
        (
            "CPU of a read, µs",
            spread([a.cpu for a, _ in found]),
            spread([b.cpu for _, b in found]),
            f"{cpu:.3f} times",
            at_most(WANTED_CPU, cpu, " times"),
        ),
    ]
    click.echo(table(("", "one process", "two workers", "difference", "wanted"), rows))


def _round(servers: Sequence[Server], requests: int) -> list[Round]:
    """Measure the servers in turns of a few requests, so that all see the same machine.

    Half of the first requests are handed over: of two worlds with different owners, one is not that
    of the worker that accepts.
    """
    worlds = _worlds()
    own: list[list[float]] = [[] for _ in servers]
    forwarded: list[list[float]] = [[] for _ in servers]
    first: list[list[float]] = [[] for _ in servers]
    spent = [0.0 for _ in servers]
    for world, other in (worlds, worlds[::-1]):
        for _ in range(requests // 4):
            for index, server in enumerate(servers):
                first[index].append(_first(server, world))
        with ExitStack() as stack:
            connections = [stack.enter_context(_connect(server)) for server in servers]
            for connection in connections:
                _read(connection, world)
            before = [server.cpu_seconds() for server in servers]
            for _ in range(requests * 2 // _TURN):
                for index, connection in enumerate(connections):
                    own[index] += [_timed(connection, world) for _ in range(_TURN)]
            for index, server in enumerate(servers):
                spent[index] += server.cpu_seconds() - before[index]
            for _ in range(requests // _TURN):
                for index, connection in enumerate(connections):
                    forwarded[index] += [_timed(connection, other) for _ in range(_TURN)]
    return [
        Round(
            quantile(own[index], _SHARE) * 1e6,
            quantile(forwarded[index], _SHARE) * 1e6,
            fmean(sorted(first[index])[: int(len(first[index]) * _KEPT)]) * 1e6,
            spent[index] / len(own[index]) * 1e6,
        )
        for index in range(len(servers))
    ]


def _first(server: Server, world: str) -> float:
    started = time.perf_counter()
    with _connect(server) as connection:
        _read(connection, world)
        return time.perf_counter() - started


def _worlds() -> tuple[str, str]:
    """Return a world of each worker."""
    found = {rendezvous(name, _NAMES): name for name in map("test-{}".format, range(32))}
    return found[0], found[1]


def _connect(server: Server) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _timed(connection: socket.socket, world: str) -> float:
    started = time.perf_counter()
    _read(connection, world)
    return time.perf_counter() - started


def _read(connection: socket.socket, world: str) -> None:
    """Read a page of one run."""
    connection.sendall(
        f"GET {API}?limit=1 HTTP/1.1\r\nHost: bench\r\nX-API-Key: {world}\r\n\r\n".encode()
    )
    received = connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    missing = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(65_536))


def _command(*options: str) -> Callable[[int], list[str]]:
    return lambda port: [*mock(port), *options]
