"""Reads while many event streams are open, and what an open stream costs in memory.

A process of its own holds the streams. The reads come at a steady rate, each timed from the moment
it was due, so that one that is held up counts for those behind it too.
"""

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
import orjson

from bench import machine
from bench.errors import BenchError
from bench.server import API, HEALTH, KEY, Server, end, mock, module, serving
from bench.table import at_most, quantile, table

SETTLE = 1.0
WANTED = 100.0
WANTED_KIB = 16.0
"""For the memory of an idle stream."""

HISTORY = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """How many streams, of which scenario the active ones, how long the reads are timed (seconds)
    and at which rate (a second)."""

    idle: int
    active: int
    scenario: str
    seconds: int
    rate: float


@dataclass(frozen=True, slots=True)
class Reads:
    """The reads of one path: milliseconds each, and the share of the time the server was busy."""

    name: str
    times: list[float]
    busy: float

    @property
    def p99(self) -> float:
        return quantile(self.times, 0.99)

    def cells(self) -> tuple[str, ...]:
        """As the cells of a table."""
        times = (quantile(self.times, 0.5), self.p99, max(self.times))
        figures = (f"{each:.2f}" for each in times)
        return (self.name, f"{len(self.times)}", *figures, f"{self.busy:.0%}")


class Subscribers:
    """The process that holds the streams: each ``go_on`` returns what it has reached next."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def reached(self) -> dict[str, Any]:
        """What it says next. Raises BenchError when it failed."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        said: dict[str, Any] = json.loads(line) if line else {"error": "they ended unasked"}
        if "error" in said:
            raise BenchError(f"the subscribers of the streams failed: {said['error']}")
        return said

    def go_on(self) -> dict[str, Any]:
        """Let it take its next step; returns when that is done."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.reached()


def measure(cores: machine.Cores, plan: Plan) -> None:
    """Print the figures. Raises BenchError."""
    machine.require("taskset")
    machine.raise_file_limit(plan.idle + plan.active + 256)
    click.echo(machine.describe(cores))
    with serving("mock", mock, cores) as server:
        run_id = _hanging_run(server)
        events = f"{API}/{run_id}/events"
        paths = {"one run": f"{API}/{run_id}", "a page of 100": f"{API}?limit=100"}
        click.echo("reading with no stream open", err=True)
        quiet = _reads(server, paths, plan)
        opening = _opening(server, events)
        before = server.resident_bytes()
        began = time.perf_counter()
        click.echo(f"opening {plan.idle} streams", err=True)
        with _subscribers(server, events, plan) as subscribers:
            took = time.perf_counter() - began
            time.sleep(SETTLE)
            ours = (server.resident_bytes() - before) / plan.idle
            subscribers.go_on()
            click.echo("reading with the streams open", err=True)
            loaded = _reads(server, paths, plan)
            counted = json.loads(server.get(HEALTH))["streams"]
            reported = subscribers.go_on()
    if reported["idle"] != plan.idle or counted < plan.idle:
        raise BenchError(f"of {plan.idle} idle streams {reported['idle']} were open to the end")
    click.echo(f"measuring {plan.idle} streams of raw ASGI", err=True)
    theirs = _peer_bytes(cores, opening, plan)

    click.echo(
        f"{plan.idle:,} idle streams on one run that hangs, opened in {took:.2f} s; "
        f"{plan.active:,} active ones"
    )
    click.echo(f"reads at {plan.rate:g}/s for {plan.seconds} s, timed from when each was due\n")
    heads = ("streams open", "read", "requests", "p50 ms", "p99 ms", "max ms", "server busy")
    rows = [
        *(("none", *one.cells(), "") for one in quiet),
        *(("all", *one.cells(), at_most(WANTED, one.p99, " ms")) for one in loaded),
    ]
    click.echo(table((*heads, "target, p99"), rows))
    click.echo("\nResident memory of an idle stream")
    target = at_most(WANTED_KIB, ours / 1024, " KiB")
    memory = [
        ("mock", ours, target),
        ("raw ASGI on uvicorn", theirs, ""),
        ("beyond it", ours - theirs, ""),
    ]
    rows = [(name, f"{each / 1024:.1f}", wanted) for name, each, wanted in memory]
    click.echo(table(("", "KiB", "target"), rows))
    if plan.active:
        late = ", ".join(
            f"{name} {each:.1f} ms"
            for name, each in zip(("p50", "p99", "max"), reported["late"], strict=False)
        )
        click.echo(
            f"\n{reported['events']:,} events of {plan.scenario} reached subscribers: {late}"
        )


def _hanging_run(server: Server) -> str:
    """A run whose second step never ends, in a world with runs enough for a page."""
    server.post("/_mock/reset", {"runs": HISTORY, "live": 0})
    run_id: str = server.post("/_mock/runs", {"scenario": "hang"})["id"]
    # The clock is left alone: events of active runs bear the machine's time of day.
    for _ in range(200):
        steps = orjson.loads(server.get(f"{API}/{run_id}/steps"))
        if steps["completedCount"] == 1 and steps["runningCount"] == 1:
            return run_id
        time.sleep(0.05)
    raise BenchError("the run of the scenario hang did not come to its second step in 10 s")


def _opening(server: Server, path: str) -> bytes:
    """What a stream at ``path`` begins with, before it falls silent."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=1)
    received = b""
    try:
        connection.request("GET", path, headers=KEY)
        answer = connection.getresponse()
        while part := answer.read1():
            received += part
    except TimeoutError:
        return received
    finally:
        connection.close()
    raise BenchError(f"the stream at {path} ended by itself")


def _reads(server: Server, paths: dict[str, str], plan: Plan) -> list[Reads]:
    """Time the paths by turns."""
    times: dict[str, list[float]] = {name: [] for name in paths}
    turns = list(paths.items())
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    cpu = server.cpu_seconds()
    begun = time.perf_counter()
    for number in range(max(int(plan.seconds * plan.rate), len(turns))):
        due = begun + number / plan.rate
        time.sleep(max(due - time.perf_counter(), 0))
        name, path = turns[number % len(turns)]
        connection.request("GET", path, headers=KEY)
        answer = connection.getresponse()
        answer.read()
        times[name].append((time.perf_counter() - due) * 1_000)
        if answer.status != 200:
            raise BenchError(f"{server.name}: GET {path}: {answer.status}")
    busy = (server.cpu_seconds() - cpu) / (time.perf_counter() - begun)
    connection.close()
    return [Reads(name, each, busy) for name, each in times.items()]


def _peer_bytes(cores: machine.Cores, opening: bytes, plan: Plan) -> float:
    """The resident memory that one stream adds to a raw ASGI application."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(opening)
        file.flush()
        peer = module("bench.streaming_peer", file.name)
        with serving("raw ASGI", peer, cores) as server:
            before = server.resident_bytes()
            idle_only = Plan(plan.idle, 0, plan.scenario, plan.seconds, plan.rate)
            with _subscribers(server, "/", idle_only):
                time.sleep(SETTLE)
                return (server.resident_bytes() - before) / plan.idle


@contextmanager
def _subscribers(server: Server, path: str, plan: Plan) -> Iterator[Subscribers]:
    """Open the idle streams; they are closed when the block ends."""
    arguments = map(str, (server.port, path, plan.idle, plan.scenario, plan.active))
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.subscribers", *arguments],
        cwd=machine.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        subscribers = Subscribers(process)
        subscribers.reached()
        yield subscribers
    finally:
        end(process)
