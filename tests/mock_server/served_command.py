"""``runs-mock serve`` as a process of its own, and its workers."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx2

from mock_server.cluster.ownership import rendezvous

COMMAND = str(Path(sys.executable).with_name("runs-mock"))
_ADDRESS = re.compile(r"Start page +(\S+)/\n")


class Served:
    """A running command; what it prints is in files, which it never waits for."""

    def __init__(
        self, *options: str, command: Sequence[str] = (COMMAND,), **environment: str
    ) -> None:
        self._output, self._errors = _file(), _file()
        self.process = subprocess.Popen(
            [*command, "serve", "--port", "0", *options],
            stdout=self._output,
            stderr=self._errors,
            env={**os.environ, **environment},
        )
        until(lambda: "Ctrl-C" in self.output or self.process.poll() is not None)
        found = _ADDRESS.search(self.output)
        assert found is not None, self.errors
        self.base_url = found[1]

    @property
    def output(self) -> str:
        return _text(self._output)

    @property
    def errors(self) -> str:
        return _text(self._errors)

    def workers(self) -> list[int]:
        """The processes of its workers, in the order of their starts."""
        pid = self.process.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def client(self, key: str = "demo") -> httpx2.Client:
        return httpx2.Client(base_url=self.base_url, headers={"X-API-Key": key}, timeout=60)

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it with a signal, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.end()
        self._output.close()
        self._errors.close()


def until(condition: Callable[[], bool]) -> None:
    """Look until it is so."""
    while not condition():
        time.sleep(0.01)


def _file() -> IO[bytes]:
    return tempfile.TemporaryFile()


def _text(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), 1_000_000, 0).decode()


@contextmanager
def serve(
    *options: str, command: Sequence[str] = (COMMAND,), **environment: str
) -> Iterator[Served]:
    served = Served(*options, command=command, **environment)
    try:
        yield served
    finally:
        served.close()


def worker_of(world: str, workers: int) -> int:
    """The index of the worker that owns the world."""
    return rendezvous(world, tuple(f"worker {number + 1}" for number in range(workers)))


def worlds_of(workers: int) -> list[str]:
    """A world that each worker owns, in their order."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < workers:
        name = f"test-empty-{number}"
        found.setdefault(worker_of(name, workers), name)
        number += 1
    return [found[index] for index in range(workers)]
