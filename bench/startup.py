"""How long the mock takes from exec to its first answer."""

import time
from dataclasses import dataclass

import click

from bench import machine
from bench.server import API, HEALTH, mock, serving
from bench.table import at_most, spread, table

WANTED = 1.5


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from exec to the first 200 of the health check, to the first page of runs, and of
    processor time until the former."""

    health: float
    page: float
    cpu: float


def measure(cores: machine.Cores, starts: int) -> None:
    """Print how long it takes. Raises BenchError."""
    machine.require("taskset")
    click.echo(machine.describe(cores))
    first = _start(cores)
    click.echo(f"{starts} starts, after one that is not counted: {first.health:.2f} s\n")
    made = []
    for number in range(starts):
        click.echo(f"start {number + 1} of {starts}", err=True)
        made.append(_start(cores))
    health = [one.health for one in made]
    rows = [
        (f"exec to the first 200 on {HEALTH}", spread(health, 2), at_most(WANTED, max(health))),
        ("its CPU time until then", spread([one.cpu for one in made], 2), ""),
        ("exec to the first page of runs", spread([one.page for one in made], 2), ""),
    ]
    click.echo(table(("", "seconds", "target, for the slowest"), rows))


def _start(cores: machine.Cores) -> Start:
    begun = time.perf_counter()
    with serving("mock", mock, cores) as server:
        cpu = server.cpu_seconds()
        server.get(f"{API}?limit=1")
        return Start(server.ready_after, time.perf_counter() - begun, cpu)
