"""A Valkey or Redis server on a free port, for as long as a block lasts."""

import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from ports import free_port

pytest.importorskip("redis")

import redis

from mock_server.store.valkey import ValkeyStore

PROGRAMS = ("valkey-server", "redis-server")


class ValkeyServer:
    """The server; it keeps what it has in ``directory``, and only over a ``restart``."""

    def __init__(self, directory: Path) -> None:
        found = [path for path in map(shutil.which, PROGRAMS) if path]
        if not found:
            pytest.skip("neither valkey-server nor redis-server is on this machine")
        self._program = found[0]
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def location(self) -> str:
        """Its address, as ``--store`` takes it."""
        return f"valkey://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self.port = free_port()
        while not self._start():
            self.port = free_port()  # Another process was quicker to take the port.
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def client(self) -> Any:
        """A client of it."""
        return redis.Redis(port=self.port, socket_timeout=60)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Have no memory left until the block ends."""
        with self.client() as client:
            client.config_set("maxmemory", 1)
            try:
                yield
            finally:
                client.config_set("maxmemory", 0)

    def pause(self) -> None:
        """Respond to nothing, but stay connected."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after a pause."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)

    def start_again(self) -> None:
        """Start after ``kill``, with what was on its disk."""
        assert self._start()

    def _start(self) -> bool:
        options = f"--port {self.port} --bind 127.0.0.1 --save '' --appendonly yes".split()
        options[options.index("''")] = ""
        self._process = subprocess.Popen(
            [self._program, *options, "--appendfsync", "always", "--dir", str(self._directory)],
            stdout=subprocess.DEVNULL,
        )
        while self._process.poll() is None:
            try:
                with self.client() as client:
                    client.ping()
                return True
            except redis.ConnectionError:
                continue  # It is still starting, or has ended.
        return False


@asynccontextmanager
async def store_at(location: str) -> AsyncIterator[ValkeyStore]:
    """A store, left as a mock leaves it that is killed."""
    store = ValkeyStore(location)
    try:
        yield store
    finally:
        await store.close()
