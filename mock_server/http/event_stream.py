"""A run's events as server-sent events: first those that have happened, then each as it happens.

A stream reads the run's own log, so no event is lost between the replay and the live part. It costs
two small tasks and no thread. While there are subscribers, the world's wakeup timer lets it catch
up when something is due; nothing polls.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from starlette.types import Receive, Send

from mock_server.engine.behaviour import FinishedStream, Framing, StreamEnd
from mock_server.engine.run import Run
from mock_server.errors import HttpError
from mock_server.faults.delay import until_disconnected
from mock_server.journal.exchange import Exchange
from mock_server.lean_event import LeanEvent
from mock_server.worlds.rendered_events import EventCursor
from mock_server.worlds.world import World

_RETRY = b"retry: 1000\n"
"""The first field of the first event: some clients deliver an event for a block without data."""

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Type": "text/event-stream; charset=utf-8",
        # A proxy that compresses a stream keeps its events back.
        "Cache-Control": "no-cache, no-transform",
        "X-Accel-Buffering": "no",
    }
)
_HEADERS = [(name.lower().encode(), text.encode()) for name, text in HEADERS.items()]
_HEARTBEAT = b": still here\n\n"
_EVENT_ID = re.compile(r"[0-9]{1,4000}")


class EventStreams:
    """The open streams of one mock, ``maximum`` at a time; ``sent_events`` counts their events."""

    def __init__(self, maximum: int) -> None:
        self.opened: set[EventStream] = set()
        self.sent_events = 0
        self._maximum = maximum

    @property
    def open_count(self) -> int:
        """The number of open streams."""
        return len(self.opened)

    def open(
        self, world: World, run: Run, last_event_id: str | None, exchange: Exchange
    ) -> "EventStream | None":
        """Return the stream of ``run`` after ``last_event_id``; None when nothing will follow.

        ``exchange`` is the request for it.
        Raise HttpError (429) when too many are open.
        """
        if self.open_count >= self._maximum:
            raise HttpError(
                429,
                f"{self._maximum} event streams are open, the most the mock holds: close some.",
                {"Retry-After": "5"},
            )
        behaviour = world.behaviour
        position, stays_open = 0, behaviour.stream_end is StreamEnd.STAYS_OPEN
        if run.finished:
            if behaviour.finished_stream is FinishedStream.CLOSES:
                return EventStream(self, world, run, exchange, run.event_count, stays_open=False)
            stays_open = behaviour.finished_stream is FinishedStream.STAYS_OPEN
        valid = last_event_id is not None and _EVENT_ID.fullmatch(last_event_id)
        if valid and behaviour.framing is Framing.FULL:
            position = int(last_event_id or 0)
        if position > run.event_count:
            position = 0  # The id of another run: start again rather than lose events.
        if position == run.event_count and run.finished and not stays_open:
            return None
        return EventStream(self, world, run, exchange, position, stays_open=stays_open)


class EventStream:
    """The stream of one client; a response that sends itself."""

    __slots__ = (
        "_awake",
        "_cursor",
        "_heartbeat_due",
        "_prefix",
        "_stays_open",
        "_streams",
        "exchange",
        "run",
        "world",
    )

    def __init__(
        self,
        streams: EventStreams,
        world: World,
        run: Run,
        exchange: Exchange,
        position: int,
        *,
        stays_open: bool,
    ) -> None:
        self._streams = streams
        self.world = world
        self.run = run
        self.exchange = exchange
        self._cursor = EventCursor(world, run, position)
        self._awake = LeanEvent()
        self._heartbeat_due = False
        self._prefix = _RETRY
        self._stays_open = stays_open

    @property
    def position(self) -> int:
        """The number of the event that was sent last."""
        return self._cursor.position

    async def __call__(self, receive: Receive, send: Send) -> None:
        wakeup = self.world.wakeup
        unsubscribe = self.world.subscribe(self.run, self._awake.set)
        self._streams.opened.add(self)
        wakeup.sent_to(self)
        wakeup.arm()
        disconnected = asyncio.create_task(until_disconnected(receive))
        disconnected.add_done_callback(lambda _: self._awake.set())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._send_events(send, disconnected.done)
            await send({"type": "http.response.body", "body": b""})
        finally:
            disconnected.cancel()
            unsubscribe()
            wakeup.remove(self)
            self._streams.opened.discard(self)

    async def _send_events(self, send: Send, disconnected: Callable[[], bool]) -> None:
        while not disconnected():
            self._awake.clear()
            events = self._cursor.read()
            if events:
                self._streams.sent_events += len(events)
                self.world.wakeup.sent_to(self)
                prefix, self._prefix = self._prefix, b""
                await self._send(send, prefix + b"".join(events))
            elif self._heartbeat_due:
                await self._send(send, _HEARTBEAT)
            self._heartbeat_due = False
            if self.world.closed or self._complete():
                return
            if self._cursor.at_end:
                await self._awake.wait()
            else:
                await asyncio.sleep(0)  # Other tasks get a turn during a long replay.

    def _complete(self) -> bool:
        return self.run.finished and self._cursor.at_end and not self._stays_open

    def heartbeat(self) -> None:
        """Send a comment, unless there is an event to send."""
        self._heartbeat_due = True
        self._awake.set()

    @staticmethod
    async def _send(send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
