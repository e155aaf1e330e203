"""A Valkey or Redis server for a measurement."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.errors import BenchError
from bench.server import end

_PROGRAMS = ("valkey-server", "redis-server")


class Valkey(NamedTuple):
    """A server on this machine."""

    port: int

    @property
    def location(self) -> str:
        """Its address, as ``--store`` takes it."""
        return f"valkey://127.0.0.1:{self.port}"

    def hash_field(self, key: str, field: str) -> str:
        """Return the value of a field. Raise BenchError."""
        commands = f"HGET {key} {field}\r\n".encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(commands)
            _, _, value = connection.recv(4_096).decode().partition("\r\n")
        if not value:
            raise BenchError(f"expected {field} in {key}, found none")
        return value.strip()


def program() -> str | None:
    """Return the path of a server; None where none is installed."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


@contextmanager
def running(home: Path) -> Iterator[Valkey]:
    """Run a server that keeps its file in ``home``. Raise BenchError."""
    path = program()
    if path is None:
        raise BenchError(f"needs one of {', '.join(_PROGRAMS)}: install it")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    options = f"--port {port} --bind 127.0.0.1 --appendonly yes --dir {home}".split()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([path, *options], stdout=output, stderr=output)
        try:
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.01)
            yield Valkey(port)
        finally:
            end(process)
