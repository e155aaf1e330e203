"""Many subscribers of event streams in one process: raw sockets on asyncio, one object per stream.

Idle subscribers share one run. Active ones each follow a run of their own and take another when it
is over; the delay of each event is measured against its timestamp. ``bench.streams`` runs it as a
process: it prints what has been reached, and goes on with each line of standard input.
"""

import asyncio
import json
import re
import signal
import sys
import time
from datetime import datetime
from typing import Any

from bench.errors import BenchError
from bench.server import API
from bench.table import quantile

_AT_A_TIME = 100
_PATIENCE = 300.0
_HEAD = "Host: localhost\r\nX-API-Key: demo\r\nConnection: close\r\n"
_UPDATED = re.compile(rb'"updatedAt":"([^"]+)"')


class Stream(asyncio.Protocol):
    """One open stream. ``opened`` is done with its first event, ``ended`` when it is over."""

    __slots__ = ("_late", "_request", "_since", "_start", "ended", "opened", "transport")

    def __init__(self, path: str, late: list[float] | None) -> None:
        """``late`` gets how many milliseconds after its time each later event arrives."""
        self._request = f"GET {path} HTTP/1.1\r\n{_HEAD}\r\n".encode()
        self._late = late
        self._since = 0.0
        self._start = b""
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.time_ns() / 1e6
        if self.opened.done():
            if self._late is not None:
                moments = (_milliseconds(text) for text in _UPDATED.findall(data))
                # What is older was in the history that a stream begins with.
                self._late += [now - moment for moment in moments if moment >= self._since]
            return
        self._start += data
        if b"data: " in self._start:
            self._since = now
            self._start = b""
            self.opened.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            said = self._start[:200].decode("latin-1") or error or "nothing"
            self.opened.set_exception(BenchError(f"a stream ended before its first event: {said}"))
        self.ended.set_result(None)


class Subscribers:
    """All streams of one server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._room = asyncio.Semaphore(_AT_A_TIME)
        self._idle: list[Stream] = []
        self._active: list[asyncio.Task[None]] = []
        self._late: list[float] = []

    async def open_idle(self, path: str, count: int) -> None:
        """Open that many streams at ``path``; returns when each has had an event."""
        self._idle = await asyncio.gather(*(self._open(path, None) for _ in range(count)))

    async def open_active(self, scenario: str, count: int) -> None:
        """Follow that many runs of ``scenario``; returns when each has had an event."""
        loop = asyncio.get_running_loop()
        started = [loop.create_future() for _ in range(count)]
        self._active = [asyncio.create_task(self._follow(scenario, one)) for one in started]
        gathered = asyncio.gather(*started)
        whichever: list[asyncio.Future[Any]] = [gathered, *self._active]
        await asyncio.wait(whichever, return_when=asyncio.FIRST_COMPLETED)
        self._raise_failure()
        await gathered

    def summary(self) -> dict[str, Any]:
        """How many idle streams are still open, and how late the active ones got their events.
        Raises BenchError when an active one could not go on."""
        self._raise_failure()
        late = self._late
        return {
            "idle": sum(not one.ended.done() for one in self._idle),
            "events": len(late),
            "late": [quantile(late, 0.5), quantile(late, 0.99), max(late)] if late else [],
        }

    def _raise_failure(self) -> None:
        for task in self._active:
            if task.done():
                task.result()

    async def _open(self, path: str, late: list[float] | None) -> Stream:
        loop = asyncio.get_running_loop()
        async with self._room:
            _, stream = await loop.create_connection(
                lambda: Stream(path, late), "127.0.0.1", self._port
            )
            await stream.opened
        return stream

    async def _follow(self, scenario: str, started: asyncio.Future[None]) -> None:
        while True:
            async with self._room:
                run_id = await self._create(scenario)
            stream = await self._open(f"{API}/{run_id}/events", self._late)
            if not started.done():
                started.set_result(None)
            await stream.ended

    async def _create(self, scenario: str) -> str:
        body = json.dumps({"scenario": scenario})
        subscriber, writer = await asyncio.open_connection("127.0.0.1", self._port)
        lengths = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"POST /_mock/runs HTTP/1.1\r\n{_HEAD}{lengths}\r\n{body}".encode())
        head, _, content = (await subscriber.read()).partition(b"\r\n\r\n")
        writer.close()
        if not head.startswith(b"HTTP/1.1 201 "):
            raise BenchError(f"no run of {scenario!r}: {content[:300].decode('utf-8', 'replace')}")
        run_id: str = json.loads(content)["id"]
        return run_id


async def main(port: str, path: str, idle: str, scenario: str, active: str) -> None:
    """Open idle streams, say so; on a line open the active ones, say so; on a line sum up."""
    subscribers = Subscribers(int(port))
    try:
        async with asyncio.timeout(_PATIENCE):
            await subscribers.open_idle(path, int(idle))
        await _say({})
        async with asyncio.timeout(_PATIENCE):
            await subscribers.open_active(scenario, int(active))
        await _say({})
        await _say(subscribers.summary())
    except TimeoutError:
        _print({"error": f"the streams were not open within {_PATIENCE:g} s"})
    except (BenchError, OSError) as error:
        _print({"error": str(error)})


async def _say(reached: dict[str, Any]) -> None:
    """Print it, and wait for a line or the end of standard input."""
    _print(reached)
    await asyncio.to_thread(sys.stdin.readline)


def _print(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _milliseconds(text: bytes) -> float:
    return datetime.fromisoformat(text.decode()).timestamp() * 1_000


if __name__ == "__main__":
    # Ctrl-C is for the process that started this one, which then ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(main(*sys.argv[1:]))
