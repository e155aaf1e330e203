"""A run's events as Server-Sent Events: first what has happened, then what happens.

A stream reads the run's own log, so nothing can be lost between replay and following. It costs two
small tasks and no thread. While somebody follows, a pulse lets the world catch up the moment
something is due; nobody polls.
"""

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from starlette.types import Receive, Send

from mock_server.lifecycle import Run
from mock_server.world import Replay, World

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that proxies keep the connection."""

_RECONNECT = b"retry: 1000\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_LONGEST_SLEEP = 3_600.0


class Streams:
    """Every open stream of one mock."""

    def __init__(self) -> None:
        self.open = 0
        self._pulses: WeakKeyDictionary[World, Pulse] = WeakKeyDictionary()

    def of(self, world: World, run: Run, last_event_id: str | None) -> "EventStream | None":
        """The stream of ``run`` behind ``last_event_id``; None when that is its end."""
        seen = 0
        if last_event_id is not None and last_event_id.isdecimal() and len(last_event_id) < 20:
            seen = int(last_event_id)
        if seen >= len(run.log):
            if run.finished:
                return None
            if seen > len(run.log):
                seen = 0  # An id this run never gave: start over rather than lose events.
        return EventStream(self, world, run, seen)

    def joined(self, world: World) -> None:
        """A stream of ``world`` was opened."""
        self.open += 1
        pulse = self._pulses.get(world)
        if pulse is None:
            pulse = self._pulses[world] = Pulse(world)
        pulse.arm()

    def left(self) -> None:
        """A stream was closed."""
        self.open -= 1


class Pulse:
    """Lets a world catch up whenever something is due, for as long as somebody follows."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._timer: asyncio.TimerHandle | None = None
        world.rescheduled = self.arm

    def arm(self) -> None:
        """Set the timer to what is due next; to be called whenever that may have changed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._world.engine.next_due
        if due is None or not self._world.followed:
            return
        delay = self._world.clock.real_delay(due)
        if delay is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(delay, _LONGEST_SLEEP), self._beat)

    def _beat(self) -> None:
        self._world.catch_up()
        self.arm()


class EventStream:
    """One reader of one run's events; an answer that sends itself."""

    __slots__ = ("_awake", "_replay", "_run", "_seen", "_silent", "_streams", "_world")

    def __init__(self, streams: Streams, world: World, run: Run, seen: int) -> None:
        self._streams = streams
        self._world = world
        self._run = run
        self._seen = seen
        self._replay = Replay(run)
        self._awake = asyncio.Event()
        self._silent = False

    async def __call__(self, receive: Receive, send: Send) -> None:
        leave = self._world.follow(self._run, self._awake.set)
        self._streams.joined(self._world)
        gone = asyncio.create_task(_until_gone(receive))
        gone.add_done_callback(lambda _: self._awake.set())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._send(send, _RECONNECT)
            await self._follow(send, gone.done)
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            leave()
            self._streams.left()

    async def _follow(self, send: Send, gone: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        while not gone():
            self._awake.clear()
            frames = self._replay.frames(self._seen)
            if frames:
                await self._send(send, b"".join(frames))
            elif self._silent:
                await self._send(send, b": still here\n\n")
            if self._world.closed or (self._run.finished and self._replay.at_end):
                return
            self._silent = False
            timer = loop.call_later(HEARTBEAT, self._break_silence)
            await self._awake.wait()
            timer.cancel()

    def _break_silence(self) -> None:
        self._silent = True
        self._awake.set()

    @staticmethod
    async def _send(send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
