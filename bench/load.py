"""Load from wrk on one path of one server, and what it cost the server."""

import re
import subprocess
from dataclasses import dataclass

from bench.errors import BenchError
from bench.server import KEY, Server

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst of load: requests a second, latencies in milliseconds, and the processor time that
    one request took the server, in microseconds."""

    rate: float
    p50: float
    p99: float
    cpu: float


def plan(rounds: int, seconds: int, connections: int) -> str:
    """What is about to be done, in words."""
    return f"rounds, interleaved: {rounds}, of {seconds} s each with {connections} connections"


def burst(server: Server, path: str, seconds: int, connections: int) -> Burst:
    """Load ``path`` for ``seconds`` over that many connections. Raises BenchError when a single
    request was not answered with 200: then it was not the path that was measured."""
    headers = [part for name, value in KEY.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *headers]
    before = server.cpu_seconds()
    done = subprocess.run([*command, server.url(path)], capture_output=True, text=True, check=False)
    spent = server.cpu_seconds() - before
    text = done.stdout
    if done.returncode != 0 or "Non-2xx" in text or "Socket errors" in text:
        raise BenchError(f"{server.name}: load on {path} failed: {text}{done.stderr}")
    requests = int(_find(r"(\d+) requests in", text))
    if requests == 0:
        raise BenchError(f"{server.name}: {path} was not answered once in {seconds} s")
    return Burst(
        rate=float(_find(r"Requests/sec:\s+([\d.]+)", text)),
        p50=_milliseconds(_find(r"^\s+50%\s+(\S+)", text)),
        p99=_milliseconds(_find(r"^\s+99%\s+(\S+)", text)),
        cpu=spent / requests * 1e6,
    )


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise BenchError(f"wrk printed no {pattern}: {text}")
    return found[1]


def _milliseconds(text: str) -> float:
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if found is None:
        raise BenchError(f"wrk printed {text!r} for a duration")
    return float(found[1]) * _UNITS[found[2]]
