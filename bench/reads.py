"""Reading one run and a page of runs: the mock next to a bare Starlette application and Prism.

All three serve the same JSON, which is checked before anything is measured. The rounds
are interleaved, so that a machine that gets slower for a while gets slower for all.
"""

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import click
import orjson
import yaml

from bench import load, machine
from bench.errors import BenchError
from bench.server import API, Server, mock, module, serving
from bench.table import at_least, spread, table

RUNS = 200
PAGE = 100
DAY = 86_400
PRISM = machine.ROOT / "bench" / "node_modules" / ".bin" / "prism"

ONE, MANY = "Reading one run", f"A page of {PAGE}"
TARGETS = {ONE: {"Starlette": 0.75, "Prism": 4.0}, MANY: {"Starlette": 1.0}}
"""How many times as often as its peer the mock should answer, at the least."""


def measure(cores: machine.Cores, rounds: int, seconds: int, connections: int, prism: bool) -> None:
    """Print the comparison. Raises BenchError."""
    machine.require("taskset", "wrk")
    if prism and not PRISM.exists():
        raise BenchError(
            "Prism is not installed: npm ci --prefix bench, or leave it out with --no-prism"
        )
    versions = [machine.first_line("wrk", "-v").partition(" [")[0]]
    if prism:
        versions.append(f"Prism {machine.first_line(str(PRISM), '--version')}")
        versions.append(f"node {machine.first_line('node', '--version')}")
    click.echo(machine.describe(cores, *versions))
    click.echo(load.plan(rounds, seconds, connections))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = [stack.enter_context(serving("mock", mock, cores))]
        run_id = _settle(servers[0])
        one, page = f"{API}/{run_id}", f"{API}?limit={PAGE}"
        runs = orjson.loads(servers[0].get(f"{API}?limit=1000"))["items"]
        (folder / "runs.json").write_bytes(orjson.dumps(runs))
        starlette = module("bench.starlette_peer", folder / "runs.json")
        servers.append(stack.enter_context(serving("Starlette", starlette, cores, ready=page)))
        if prism:
            document = folder / "openapi.json"
            _illustrate(document, servers[0].get(one), servers[0].get(page))
            servers.append(
                stack.enter_context(
                    serving("Prism", lambda port: _prism(port, document), cores, ready=page)
                )
            )
        for title, path in ((ONE, one), (MANY, page)):
            bursts = _rounds(servers, path, rounds, seconds, connections)
            click.echo(f"\n{title}, {_same_size(servers, path):,} bytes of JSON")
            click.echo(_figures(bursts))
            click.echo(_comparison(bursts, TARGETS[title]))


def _settle(server: Server) -> str:
    """Fill the mock's world with runs that are all over, so that what is read stays the same; gives
    the id of one."""
    server.post("/_mock/reset", {"runs": RUNS, "live": 0})
    server.post("/_mock/clock/advance", {"seconds": DAY})
    items = orjson.loads(server.get(f"{API}?limit=1000&status=completed"))["items"]
    run_id: str = items[len(items) // 2]["id"]
    return run_id


def _illustrate(file: Path, run: bytes, page: bytes) -> None:
    """Write the contract with those answers as its only examples: the data Prism serves."""
    contract = yaml.safe_load((machine.ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    for path, body in ((f"{API}/{{run_id}}", run), (API, page)):
        content = contract["paths"][path]["get"]["responses"]["200"]["content"]
        content["application/json"]["examples"] = {"measured": {"value": json.loads(body)}}
    file.write_text(json.dumps(contract, default=str), encoding="utf-8")


def _prism(port: int, document: Path) -> list[str]:
    options = ["--port", str(port), "--verboseLevel", "silent", "--multiprocess", "false"]
    return [str(PRISM), "mock", *options, str(document)]


def _same_size(servers: list[Server], path: str) -> int:
    """The size of the mock's answer. Raises BenchError when another server answers otherwise."""
    first, *others = [server.get(path) for server in servers]
    for server, body in zip(servers[1:], others, strict=True):
        if orjson.loads(body) != orjson.loads(first):
            raise BenchError(f"{server.name} does not answer {path} as the mock does")
    return len(first)


def _rounds(
    servers: list[Server], path: str, rounds: int, seconds: int, connections: int
) -> dict[str, list[load.Burst]]:
    bursts: dict[str, list[load.Burst]] = {server.name: [] for server in servers}
    _same_size(servers, path)
    for server in servers:
        load.burst(server, path, min(seconds, 1), connections)  # Warms it up.
    for number in range(rounds):
        click.echo(f"round {number + 1} of {rounds}: {path}", err=True)
        for server in servers:
            bursts[server.name].append(load.burst(server, path, seconds, connections))
    return bursts


def _figures(bursts: dict[str, list[load.Burst]]) -> str:
    rows = [
        (
            name,
            spread([one.rate for one in each]),
            spread([one.cpu for one in each]),
            f"{median(one.p50 for one in each):.2f}",
            f"{median(one.p99 for one in each):.2f}",
        )
        for name, each in bursts.items()
    ]
    return table(("", "requests/s", "server CPU us/request", "p50 ms", "p99 ms"), rows)


def _comparison(bursts: dict[str, list[load.Burst]], targets: dict[str, float]) -> str:
    rows = []
    for peer in list(bursts)[1:]:
        pairs = list(zip(bursts["mock"], bursts[peer], strict=True))
        by_rate = [ours.rate / theirs.rate for ours, theirs in pairs]
        by_cpu = [theirs.cpu / ours.cpu for ours, theirs in pairs]
        wanted = targets.get(peer)
        verdict = "" if wanted is None else at_least(wanted, median(by_rate))
        rows.append((peer, spread(by_rate, 2), spread(by_cpu, 2), verdict))
    heads = ("mock, times its peer", "by requests/s", "by CPU time", "target, by requests/s")
    return table(heads, rows)
