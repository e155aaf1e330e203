"""How long clients wait for the worlds of a mock that is killed, after its leases have ended.

Two mocks share a store. A client of the one that lives asks for a world of the other all the time;
what counts is when it gets the first response, by the clock of the store.
"""

import os
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import click

from bench import machine, valkey
from bench.server import API, KEY, mock, serving
from bench.table import at_most, spread, table
from bench.valkey import Valkey
from mock_server.engine.clock import wall

WORLD = KEY["X-API-Key"]
WANTED = {"demo": 0.15, "ten-thousand": 3.0}
"""Real seconds until the first response, by how the world started."""


def measure(cores: machine.Cores, rounds: int) -> None:
    """Print the times. Raises BenchError."""
    machine.require("taskset")
    click.echo(machine.describe(cores, "http.client"))
    rows = []
    for start, wanted in WANTED.items():
        times = []
        for number in range(rounds):
            click.echo(f"{start}, round {number + 1} of {rounds}", err=True)
            times.append(_time(cores, start))
        met = at_most(wanted, median(times), " s")
        rows.append((start, spread(times, 3), f"{max(times):.3f}", met))
    click.echo(f"rounds: {rounds}")
    click.echo(table(("world", "median, s", "longest", "wanted"), rows))


def _time(cores: machine.Cores, start: str) -> float:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-takeover-")))
        store = stack.enter_context(valkey.running(home))
        owner, other = (
            stack.enter_context(serving(name, lambda port: _command(port, store, start), cores))
            for name in ("owner", "other")
        )
        owner.get(API)
        os.kill(owner.pid, signal.SIGKILL)
        until = int(store.hash_field(f"runs-mock:{{{WORLD}}}", "until"))
        other.get(API)
        return (wall() - until) / 1_000


def _command(port: int, store: Valkey, start: str) -> list[str]:
    url = f"http://127.0.0.1:{port}"
    return [*mock(port), "--store", store.location, "--advertise", url, "--start", start]
