"""A run's events as Server-Sent Events: first what has happened, then what happens.

A stream reads the run's own log, so nothing can be lost between replay and following. It costs two
small tasks and no thread. While somebody follows, the world's pulse lets it catch up the moment
something is due; nobody polls.
"""

import asyncio
import re
from collections.abc import Callable

from starlette.types import Receive, Send

from mock_server.engine.behaviour import FinishedStream, Framing, StreamEnd
from mock_server.engine.run import Run
from mock_server.errors import HttpError
from mock_server.faults.delay import until_disconnected
from mock_server.worlds.replay import Replay
from mock_server.worlds.world import World

_RECONNECT = b"retry: 1000\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_STILL_HERE = b": still here\n\n"
_EVENT_ID = re.compile(r"[0-9]{1,4000}")


class EventStreams:
    """Every open stream of one mock, ``most`` of them at a time; ``events`` counts those sent."""

    def __init__(self, most: int) -> None:
        self.open = 0
        self._most = most
        self.events = 0

    def of(self, world: World, run: Run, last_event_id: str | None) -> "EventStream | None":
        """The stream of ``run`` behind ``last_event_id``; None when that is its end. Raises HttpError
        (429) when too many are open."""
        if self.open >= self._most:
            raise HttpError(
                429,
                f"{self._most} event streams are open, the most the mock holds: close some.",
                {"Retry-After": "5"},
            )
        behaviour = world.behaviour
        seen, stays_open = 0, behaviour.stream_end is StreamEnd.STAYS_OPEN
        if run.finished:
            if behaviour.finished_stream is FinishedStream.CLOSES:
                return EventStream(self, world, run, len(run.log), stays_open=False)
            stays_open = behaviour.finished_stream is FinishedStream.STAYS_OPEN
        given = last_event_id is not None and _EVENT_ID.fullmatch(last_event_id)
        if given and behaviour.framing is Framing.FULL:
            seen = int(last_event_id or 0)
        if seen >= len(run.log) and run.finished and not stays_open:
            return None
        if seen > len(run.log):
            seen = 0  # An id this run never gave: start over rather than lose events.
        return EventStream(self, world, run, seen, stays_open=stays_open)


class EventStream:
    """One reader of one run's events; an answer that sends itself."""

    __slots__ = (
        "_awake",
        "_replay",
        "_run",
        "_seen",
        "_silent",
        "_stays_open",
        "_streams",
        "_world",
    )

    def __init__(
        self, streams: EventStreams, world: World, run: Run, seen: int, *, stays_open: bool
    ) -> None:
        self._streams = streams
        self._world = world
        self._run = run
        self._seen = seen
        self._replay = Replay(world, run)
        self._awake = asyncio.Event()
        self._silent = False
        self._stays_open = stays_open

    async def __call__(self, receive: Receive, send: Send) -> None:
        wakeup = self._world.wakeup
        leave = self._world.follow(self._run, self._awake.set)
        self._streams.open += 1
        wakeup.told(self)
        wakeup.arm()
        gone = asyncio.create_task(until_disconnected(receive))
        gone.add_done_callback(lambda _: self._awake.set())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._send(send, _RECONNECT)
            await self._follow(send, gone.done)
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            leave()
            wakeup.left(self)
            self._streams.open -= 1

    async def _follow(self, send: Send, gone: Callable[[], bool]) -> None:
        while not gone():
            self._awake.clear()
            frames = self._replay.frames(self._seen)
            if frames:
                self._streams.events += len(frames)
                self._world.wakeup.told(self)
                await self._send(send, b"".join(frames))
            elif self._silent:
                await self._send(send, _STILL_HERE)
            self._silent = False
            if self._world.closed or self._over():
                return
            if self._replay.at_end:
                await self._awake.wait()
            else:
                await asyncio.sleep(0)  # A long story: others have their turn in between.

    def _over(self) -> bool:
        return self._run.finished and self._replay.at_end and not self._stays_open

    def heartbeat(self) -> None:
        """Say that the stream is alive, unless there is something to tell."""
        self._silent = True
        self._awake.set()

    @staticmethod
    async def _send(send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
