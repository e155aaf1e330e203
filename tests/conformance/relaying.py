"""The relay of the proxy in a thread of this process, raw servers that it relays to, and raw
clients that compare bytes."""

from __future__ import annotations

import asyncio
import io
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from conformance.catalogue.requirements import load
from conformance.proxy.addresses import Target
from conformance.proxy.channel import Channel, messages
from conformance.proxy.connect import Plan
from conformance.proxy.gate import Gate
from conformance.proxy.observer import Observer
from conformance.proxy.relay import Relay
from conformance.proxy.tee import Totals
from conformance.traffic.judge import Judge
from conformance.traffic.reports import client_catalogue
from conformance.vocabulary import Verdict

PATIENCE = 20.0
FORWARDED = re.compile(rb"X-Forwarded-(?:For|Host|Proto): [^\r\n]*\r?\n")


class RawServer:
    """Serves each connection with `behave`, in a thread; keeps all bytes that it received."""

    def __init__(self) -> None:
        self.behave: Callable[[socket.socket], None] = lambda line: None
        self.received: list[bytes] = []
        self.closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            line.settimeout(PATIENCE)
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            self.behave(line)
        self.closed.set()

    def read(self, line: socket.socket, until: bytes, times: int = 1) -> bytes:
        """Read until these bytes have come so many times."""
        data = b""
        while data.count(until) < times:
            chunk = line.recv(65_536)
            if not chunk:
                break
            data += chunk
        self.received.append(data)
        return data


def dial(port: int) -> socket.socket:
    """Connect to a port of this machine."""
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def read_all(line: socket.socket) -> bytes:
    """Read to the end."""
    data = b""
    while chunk := line.recv(65_536):
        data += chunk
    return data


def without_edits(data: bytes, port: int) -> bytes:
    """Return a request without what the proxy adds, the target's port as PORT."""
    return FORWARDED.sub(b"", data).replace(str(port).encode(), b"PORT")


@dataclass
class Relaying:
    """A relay with what it has reported."""

    port: int
    judge: Judge
    reported: io.BytesIO = field(default_factory=io.BytesIO)
    queued: int = 0
    totals: Totals = field(default_factory=Totals)

    def write(self, data: bytes) -> None:
        """Take what the relay reports."""
        self.reported.write(data)

    def get_write_buffer_size(self) -> int:
        """Return how much waits to be judged."""
        return self.queued

    def failed(self) -> set[str]:
        """Return the requirements that what was reported so far does not meet."""
        self.reported.seek(0)
        observer = Observer(self.judge)
        for message in messages(self.reported):
            observer.take(message)
        results = [*self.judge.server.results(), *self.judge.client.results()]
        failed = (Verdict.VIOLATION, Verdict.DEVIATION)
        return {each.requirement for each in results if each.verdict in failed}


class RelayThread:
    """An event loop in a thread, for as many relays as a test wants."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    @contextmanager
    def relay(
        self, target: str, plan: Plan | None = None, gate: Callable[[], Gate] | None = None
    ) -> Iterator[Relaying]:
        """Relay to a target as long as the block lasts; `plan` is for other than its address."""
        judge = Judge(load(), client_catalogue(), base_url=target, sole=True, settle=0)
        relaying = Relaying(0, judge)
        relay = Relay(plan or Plan(Target.of(target)), Channel(relaying), gate)
        server = self._run(asyncio.start_server(relay.serve, "127.0.0.1", 0))
        relaying.totals = relay.totals
        relaying.port = server.sockets[0].getsockname()[1]
        try:
            yield relaying
        finally:
            self._run(_closed(server, relay))

    def close(self) -> None:
        """End the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)


async def _closed(server: asyncio.Server, relay: Relay) -> None:
    server.close()
    await relay.close()


@contextmanager
def proxy_process(*words: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run the command; gives its port and the process."""
    command = [sys.executable, "-m", "conformance", "proxy", "--port", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"Proxy +http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise RuntimeError("the proxy did not start")
        try:
            yield int(found[1]), process
        finally:
            process.terminate()
