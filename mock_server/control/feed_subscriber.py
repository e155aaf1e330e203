"""One client of the live feed: a position in the changes of a channel, and how fast it is sent.

A client that is slow costs no memory: it finds later what has changed since its position, each run
once and in its newest state.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import orjson
from starlette.types import Receive, Send

from mock_server.control.feed_channel import Channel, Topic
from mock_server.faults.delay import until_disconnected
from mock_server.http.event_stream import HEADERS

if TYPE_CHECKING:
    from mock_server.control.feed import Feeds

EVENT_INTERVAL = 0.1
"""Real seconds from one event to the next on average; the first is sent at once."""

HEARTBEAT_INTERVAL = 15.0
"""Real seconds without an event after which a comment is sent."""

_HEARTBEAT = b": still here\n\n"
_HEADERS = [(name.lower().encode(), text.encode()) for name, text in HEADERS.items()]
Watch = Callable[[Callable[[], None]], Callable[[], None]]
"""Calls a function when the session of the client ends; returns a function that stops that."""


def unwatched(_end: Callable[[], None]) -> Callable[[], None]:
    """Call nothing: the client has no session."""
    return lambda: None


_ID = re.compile(r"([\w]{1,32})-([0-9]{1,15})", re.ASCII)


class FeedSubscriber:
    """The feed of one client; a response that sends itself."""

    def __init__(
        self,
        feeds: "Feeds",
        channel: Channel,
        topics: list[Topic],
        last_event_id: str | None,
        watch: Watch,
    ) -> None:
        self._feeds = feeds
        self._channel = channel
        self._watch = watch
        self._world_name = channel.world.name
        self._awake, self._over = asyncio.Event(), asyncio.Event()
        resumed = None if last_event_id is None else self._position(last_event_id)
        # An id that cannot be resumed is before everything.
        start = feeds.number if last_event_id is None else -1 if resumed is None else resumed
        self._positions = dict.fromkeys(topics, start)

    def _position(self, last_event_id: str) -> int | None:
        match = _ID.fullmatch(last_event_id)
        if match is None or match[1] != self._feeds.process:
            return None
        number = int(match[2])
        return number if number <= self._feeds.number else None

    async def __call__(self, receive: Receive, send: Send) -> None:
        feeds, channel = self._feeds, self._channel
        channel.join(self)
        stop_watching = self._watch(self.end)
        feeds.open_count += 1
        disconnected = asyncio.create_task(until_disconnected(receive))
        disconnected.add_done_callback(lambda _: self.end())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._send_events(send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            disconnected.cancel()
            stop_watching()
            feeds.open_count -= 1
            channel.leave(self)
            feeds.release(channel)

    def wake(self) -> None:
        """Look for changes."""
        self._awake.set()

    def end(self) -> None:
        """End the feed, also before the next event may be sent."""
        self._over.set()
        self._awake.set()

    async def _send_events(self, send: Send) -> None:
        events = [b"retry: 1000\n" + self._hello(), *self._read()]
        while True:
            if events:
                await self._send(send, b"".join(events))
                await self._wait(self._over, EVENT_INTERVAL * len(events))
            elif not await self._wait(self._awake, HEARTBEAT_INTERVAL):
                await self._send(send, _HEARTBEAT)
            if self._over.is_set():
                return
            self._awake.clear()
            events = self._read()

    @staticmethod
    async def _wait(event: asyncio.Event, seconds: float) -> bool:
        """Wait for ``event``, at most so many real seconds; return whether it is set."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
        return event.is_set()

    @staticmethod
    async def _send(send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})

    # Events.

    def _hello(self) -> bytes:
        content = {
            "process": self._feeds.process,
            "world": self._world_name,
            "topics": list(self._positions),
        }
        return self._event("hello", orjson.dumps(content), min(self._positions.values()))

    def _read(self) -> list[bytes]:
        """Return the events for everything after the positions, at most one of each topic."""
        channel, positions = self._channel, self._positions
        before = min(positions.values())
        if Topic.CLOCK in positions:
            channel.catch_up()
        if any(channel.lost(topic, position) for topic, position in positions.items()):
            self._positions = dict.fromkeys(positions, self._feeds.number)
            return [self._event("resync", b"{}", self._feeds.number)]
        found: list[tuple[str, bytes]] = []
        for topic, position in positions.items():
            dropped = channel.dropped_since(position) if topic is Topic.REQUESTS else 0
            if dropped:
                found.append(("dropped", orjson.dumps({topic.value: dropped})))
            data, positions[topic] = channel.read(topic, position)
            if data is not None:
                found.append((topic, data))
        if not found:
            return []
        # Nothing is lost where the connection breaks before the last of them.
        events = [self._event(name, data, before) for name, data in found[:-1]]
        return [*events, self._event(*found[-1], min(positions.values()))]

    def _event(self, name: str, data: bytes, position: int) -> bytes:
        """Return an event whose id is the position from which to resume after it."""
        event = b"event: %b\ndata: %b\n\n" % (name.encode(), data)
        if position < 0:  # The client keeps the id that it came with until it has the resync.
            return event
        return b"id: %b-%d\n%b" % (self._feeds.process.encode(), position, event)
