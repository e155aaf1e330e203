"""What a large world takes to make and to hold, and a filtered page at different offsets of it and
of a small one.

Under load the same page is read again and again, so its runs are rendered already; pages that
were not read before are timed separately, one by one.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import click
import orjson

from bench import load, machine
from bench.server import API, Server, module, serving
from bench.table import at_most, spread, table

SMALL = 100
LIMITS = (100, 50)
"""A world of 100 has fewer than 100 completed runs; 50 gives pages of the same length in both."""
EQUAL = LIMITS[-1]
COLD = 30
WANTED = 2.0
MAKING = 10.0
MEMORY = 350.0


@dataclass(frozen=True, slots=True)
class Page:
    """A page of completed runs of one world."""

    server: Server
    limit: int
    offset: int

    @property
    def path(self) -> str:
        return f"{API}?status=completed&limit={self.limit}&offset={self.offset}"


def measure(cores: machine.Cores, runs: int, rounds: int, seconds: int, connections: int) -> None:
    """Print the comparison. Raises BenchError."""
    machine.require("taskset", "wrk")
    click.echo(machine.describe(cores, machine.first_line("wrk", "-v").partition(" [")[0]))
    with ExitStack() as stack:
        click.echo(f"making a world of {runs:,} runs", err=True)
        small, large = (
            stack.enter_context(
                serving(f"{size:,} runs", module("bench.world_server", size), cores, patience=900)
            )
            for size in (SMALL, runs)
        )
        _report_making(small, large)
        click.echo(load.plan(rounds, seconds, connections))
        # Before the load, which would have them rendered.
        cold_small = [_time(small, path) for path in _cold_small(small)]
        cold_large = [_time(large, path) for path in _cold_large(large)]
        for limit in LIMITS:
            pages = [Page(one, limit, o) for one in (small, large) for o in _offsets(one, limit)]
            _report(pages, _rounds(pages, rounds, seconds, connections))
        click.echo(f"\nA page of {EQUAL} that was not read before, one at a time")
        rows = [
            (small.name, spread(cold_small, 2)),
            (large.name, spread(cold_large, 2)),
        ]
        click.echo(table(("", "ms"), rows))


def _report_making(small: Server, large: Server) -> None:
    """Print what the large world takes, before anything of it is read."""
    took = large.cpu_seconds() - small.cpu_seconds()
    resident = large.resident_bytes() / 2**20
    rows = [
        ("served after, s", f"{large.ready_after:.1f}", ""),
        ("CPU time to make it, s", f"{took:.1f}", at_most(MAKING, took, " s")),
        ("resident memory of the process, MiB", f"{resident:,.0f}", at_most(MEMORY, resident)),
    ]
    click.echo(table((f"a world of {large.name}", "", "target"), rows))


def _total(server: Server) -> int:
    total: int = orjson.loads(server.get(f"{API}?status=completed&limit=0"))["total"]
    return total


def _offsets(server: Server, limit: int) -> list[int]:
    """The beginning, the middle and the last full page; fewer where they are the same."""
    last = max(_total(server) - limit, 0)
    return list(dict.fromkeys((0, last // 2, last)))


def _rounds(
    pages: list[Page], rounds: int, seconds: int, connections: int
) -> dict[Page, list[load.Burst]]:
    bursts: dict[Page, list[load.Burst]] = {page: [] for page in pages}
    for page in pages:
        load.burst(page.server, page.path, min(seconds, 1), connections)  # Warms it up.
    for number in range(rounds):
        click.echo(f"round {number + 1} of {rounds}: limit={pages[0].limit}", err=True)
        for page in pages:
            bursts[page].append(load.burst(page.server, page.path, seconds, connections))
    return bursts


def _report(pages: list[Page], bursts: dict[Page, list[load.Burst]]) -> None:
    first = pages[0]
    rows = []
    for page in pages:
        body = page.server.get(page.path)
        pairs = list(zip(bursts[first], bursts[page], strict=True))
        by_rate = [base.rate / one.rate for base, one in pairs]
        by_cpu = [one.cpu / base.cpu for base, one in pairs]
        large = page.server is not first.server
        rows.append(
            (
                f"{page.server.name}, offset {page.offset:,}",
                f"{len(orjson.loads(body)['items'])}",
                f"{len(body):,}",
                f"{median(one.rate for one in bursts[page]):,.0f}",
                f"{median(one.cpu for one in bursts[page]):.0f}",
                f"{median(one.p99 for one in bursts[page]):.1f}",
                spread(by_rate, 2),
                spread(by_cpu, 2),
                at_most(WANTED, median(by_rate)) if large else "",
            )
        )
    click.echo(f"\nstatus=completed, limit={first.limit}; how long it takes, times the first line")
    heads = ("", "items", "bytes", "requests/s", "CPU us", "p99 ms", "by requests/s", "by CPU time")
    click.echo(table((*heads, "target"), rows))


def _cold_small(server: Server) -> Iterator[str]:
    """The same page of a world that is made afresh each time."""
    for _ in range(COLD):
        server.post("/_mock/reset", {"runs": SMALL, "live": 0})
        server.post("/_mock/clock/advance", {"seconds": 86_400})
        yield Page(server, EQUAL, 0).path


def _cold_large(server: Server) -> Iterator[str]:
    """Pages that lie apart from one another, at both ends and in between."""
    last = max(_total(server) - EQUAL, 0)
    count = min(COLD, last // EQUAL)
    for number in range(count):
        yield Page(server, EQUAL, last * number // max(count - 1, 1)).path


def _time(server: Server, path: str) -> float:
    """Milliseconds for one request over a connection of its own, to a server just awake."""
    server.get(f"{API}?limit=0")
    begun = time.perf_counter()
    server.get(path)
    return (time.perf_counter() - begun) * 1_000
