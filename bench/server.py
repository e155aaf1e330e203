"""A server under measurement: a process on one core, ready before it is handed over, ended when the
block ends however it ends, and what it has cost so far."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.machine import ROOT, Cores

API = "/api/v1/automation-runs"
HEALTH = "/_mock/health"
KEY = {"X-API-Key": "demo"}

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAUSE = 0.002


@dataclass(frozen=True, slots=True)
class Server:
    """``name`` is how tables call it; ``ready_after`` the seconds from exec to its first 200."""

    name: str
    port: int
    pid: int
    ready_after: float

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def cpu_seconds(self) -> float:
        """The processor time of all its threads and workers so far, user and system."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="utf-8")
        return sum(_cpu_seconds(pid) for pid in (str(self.pid), *children.split()))

    def resident_bytes(self) -> int:
        """How much of its memory is in RAM."""
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="utf-8").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def get(self, path: str) -> bytes:
        """The body at ``path``. Raises BenchError unless it is answered with 200."""
        return self._request("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What posting ``body`` as JSON answers, as JSON. Raises BenchError unless 200 or 201."""
        return json.loads(self._request("POST", path, body))

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """The same for putting."""
        return json.loads(self._request("PUT", path, body))

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            headers = {**KEY, "Content-Type": "application/json"} if body is not None else KEY
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            received = answer.read()
        except OSError as error:
            raise BenchError(f"{self.name}: {method} {path}: {error}") from None
        finally:
            connection.close()
        if answer.status not in (200, 201):
            text = received[:300].decode("utf-8", "replace")
            raise BenchError(f"{self.name}: {method} {path}: {answer.status} {text}")
        return received


@contextmanager
def serving(
    name: str,
    command: Callable[[int], list[str]],
    cores: Cores,
    *,
    ready: str = HEALTH,
    patience: float = 60,
) -> Iterator[Server]:
    """Start what ``command`` gives for a free port, pinned to the server's core; hand it over when
    ``ready`` answers 200. Raises BenchError when that does not happen within ``patience``
    seconds."""
    port = _free_port()
    # The settings of a mock of another user do not apply here.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RUNS_MOCK_")}
    with tempfile.TemporaryFile() as output:
        pinned = ["taskset", "-c", str(cores.server), *command(port)]
        started = time.perf_counter()
        process = subprocess.Popen(
            pinned, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while not _answers(port, ready):
                if process.poll() is not None:
                    raise BenchError(f"{name} ended with {process.returncode}: {_tail(output)}")
                if time.perf_counter() - started > patience:
                    raise BenchError(f"{name} was not ready in {patience:g} s: {_tail(output)}")
                time.sleep(_PAUSE)
            yield Server(name, port, process.pid, time.perf_counter() - started)
        finally:
            end(process)


def _cpu_seconds(pid: str) -> float:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    # The second field is the command in brackets and may hold anything; 14 and 15 are meant.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK


def mock(port: int) -> list[str]:
    """The command of the mock as it is, on ``port``."""
    return [sys.executable, "-m", "mock_server", "serve", "--port", str(port)]


def module(name: str, *arguments: object) -> Callable[[int], list[str]]:
    """The command of a server that is a module of ours and takes a port first."""
    return lambda port: [sys.executable, "-m", name, str(port), *map(str, arguments)]


def end(process: subprocess.Popen[Any]) -> None:
    """End ``process``, kindly at first; returns when it is gone."""
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
    finally:
        process.kill()
        process.wait()


def _answers(port: int, path: str) -> bool:
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: demo\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request.encode())
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _tail(output: Any) -> str:
    output.seek(0)
    text: str = output.read().decode("utf-8", "replace").strip()
    return text[-600:] or "it printed nothing"
