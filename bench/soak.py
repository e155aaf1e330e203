"""Whether the mock is where it was after a long day: simulated hours of arriving runs, and streams
that are opened and left again by the thousand.

A world keeps its runs, so it grows while they arrive; what counts is what is left after a reset.
The first round fills the journal, caches and the allocator's pools; later ones are set against it.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

import click
import orjson

from bench import machine
from bench.errors import BenchError
from bench.server import API, HEALTH, Server, mock, serving
from bench.subscribers import Stream
from bench.table import table

HOUR = 3_600
AT_A_TIME = 100
SETTLE = 10.0
BREATH = 0.5
WORLD = {"runs": 0, "live": 0, "scale": 0}


@dataclass(frozen=True, slots=True)
class Plan:
    """How many simulated hours with how many runs a minute, how many streams are opened and left,
    and how often all of that is done."""

    hours: int
    rate: float
    connects: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What the server holds at one moment: bytes in RAM, descriptors, threads, open streams, and
    runs of the world."""

    when: str
    resident: int
    descriptors: int
    threads: int
    streams: int
    runs: int

    @classmethod
    def of(cls, server: Server, when: str) -> "Reading":
        # The server closes a connection a moment after its client has.
        time.sleep(BREATH)
        process = Path(f"/proc/{server.pid}")
        return cls(
            when,
            server.resident_bytes(),
            len(os.listdir(process / "fd")),
            len(os.listdir(process / "task")),
            orjson.loads(server.get(HEALTH))["streams"],
            orjson.loads(server.get(f"{API}?limit=1"))["total"],
        )

    def cells(self) -> tuple[str, ...]:
        """As the cells of a table."""
        figures = (self.descriptors, self.threads, self.streams, self.runs)
        return (self.when, f"{self.resident / 2**20:.1f}", *(f"{each:,}" for each in figures))


def measure(cores: machine.Cores, plan: Plan) -> None:
    """Print the figures. Raises BenchError."""
    machine.require("taskset")
    machine.raise_file_limit(AT_A_TIME + 256)
    click.echo(machine.describe(cores))
    readings = []
    with serving("mock", mock, cores) as server:
        server.post("/_mock/reset", WORLD)
        readings.append(Reading.of(server, "at the beginning"))
        for number in range(1, plan.rounds + 1):
            click.echo(f"round {number} of {plan.rounds}", err=True)
            _let_runs_arrive(server, plan)
            readings.append(Reading.of(server, f"round {number}: after {plan.hours} h of arrivals"))
            server.post("/_mock/reset", WORLD)
            asyncio.run(_come_and_go(server, plan.connects))
            server.post("/_mock/reset", WORLD)
            readings.append(Reading.of(server, f"round {number}: after {plan.connects:,} streams"))
    heads = ("", "resident MiB", "descriptors", "threads", "streams", "runs")
    click.echo(table(heads, [each.cells() for each in readings]))
    first, last = readings[2], readings[-1]
    if plan.rounds > 1:
        grown = (last.resident - first.resident) / 2**20
        click.echo(f"\nfrom the end of the first round to that of the last: {grown:+.1f} MiB")
    if last.streams or last.descriptors > readings[0].descriptors:
        raise BenchError(
            f"{last.streams} streams and {last.descriptors - readings[0].descriptors} more "
            "descriptors are still open when everybody has left"
        )


def _let_runs_arrive(server: Server, plan: Plan) -> None:
    server.put("/_mock/arrivals", {"perMinute": plan.rate})
    for _ in range(plan.hours):
        server.post("/_mock/clock/advance", {"seconds": HOUR})


async def _come_and_go(server: Server, count: int) -> None:
    """Open that many streams on a run that hangs, each left behind its first event; returns when
    the server has seen them all leave. Raises BenchError."""
    path = f"{API}/{server.post('/_mock/runs', {'scenario': 'hang'})['id']}/events"
    room = asyncio.Semaphore(AT_A_TIME)

    async def come_and_go() -> None:
        async with room:
            loop = asyncio.get_running_loop()
            _, stream = await loop.create_connection(
                lambda: Stream(path, None), "127.0.0.1", server.port
            )
            await stream.opened
            stream.transport.abort()
            await stream.ended

    await asyncio.gather(*(come_and_go() for _ in range(count)))
    try:
        async with asyncio.timeout(SETTLE):
            while orjson.loads(server.get(HEALTH))["streams"]:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise BenchError(f"streams are open {SETTLE:g} s after their clients left") from None
