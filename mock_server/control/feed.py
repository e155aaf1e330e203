"""The live feed: what changes in a world, as server-sent events.

A channel observes a world only while the feed has clients for it, and for a little while after the
last one has left, so that it can resume. Without a client, nothing is observed.
"""

import asyncio
from collections.abc import Callable

from mock_server.control.feed_channel import Channel, Topic
from mock_server.control.feed_stream import FeedStream
from mock_server.control.worlds import to_json
from mock_server.engine.randomness import new_token
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError
from mock_server.http.call import Call, Handler, NoContent, Response
from mock_server.http.event_stream import HEADERS
from mock_server.http.explain import Explainer
from mock_server.journal.exchange import Exchange
from mock_server.settings import MAX_FEEDS
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World

RESUMABLE_FOR = 30.0
"""Real seconds for which a channel goes on without a client."""


class Feeds:
    """The live feed of one mock: its channels by the name of the world.

    ``process`` is part of every id: the ids of another process mean nothing here. ``number`` is
    that of the newest change.
    """

    def __init__(self, worlds: Worlds, entry: Callable[[Exchange], Json]) -> None:
        self.process = new_token().replace("-", "_")[:8]
        self.number = 0
        self.entry = entry
        self.open_count = 0
        self.closed = False
        self._worlds = worlds
        self._channels: dict[str, Channel] = {}

    def next_number(self) -> int:
        """Return the number of the next change."""
        self.number += 1
        return self.number

    def list_worlds(self) -> Json:
        """Return the open worlds as in the control API."""
        return {"items": [to_json(world) for world in self._worlds]}

    def open(self, world: World, topics: list[Topic], last_event_id: str | None) -> FeedStream:
        """Return a stream of the changes in ``world``, since ``last_event_id`` if there is one.

        Raise HttpError: 429 when too many are open, 503 when the mock stops.
        """
        if self.closed:
            raise HttpError(503, "The mock is stopping.")
        if self.open_count >= MAX_FEEDS:
            raise HttpError(
                429,
                f"{MAX_FEEDS} live feeds are open, the maximum: close some.",
                {"Retry-After": "5"},
            )
        channel = self._channels.get(world.name)
        if channel is None:
            channel = self._channels[world.name] = Channel(self, world)
        self._worlds.observer = self
        return FeedStream(self, channel, topics, last_event_id)

    def release(self, channel: Channel) -> None:
        """Let ``channel`` end soon, unless a client joins it."""
        if not channel.live and not self.closed:
            loop = asyncio.get_running_loop()
            channel.expiry = loop.call_later(RESUMABLE_FOR, self.removed, channel.world.name)

    def opened(self, world: World) -> None:
        """Note a world that is opened, maybe in place of another one."""
        self._worlds_have_changed()
        channel = self._channels.get(world.name)
        if channel is not None:
            channel.replaced(world)

    def removed(self, name: str) -> None:
        """End the channel of that name."""
        channel = self._channels.pop(name, None)
        if channel is not None:
            channel.close()
        if not self._channels:
            self._worlds.observer = None
        elif name not in self._worlds:
            self._worlds_have_changed()

    def close(self) -> None:
        """End every feed, because the mock stops."""
        self.closed = True
        for channel in self._channels.values():
            channel.close()
            channel.touch()

    def _worlds_have_changed(self) -> None:
        for channel in self._channels.values():
            channel.worlds_changed()


def functions(worlds: Worlds, explainer: Explainer) -> dict[str, Handler]:
    """Return ``followEvents``."""
    feeds = Feeds(worlds, explainer.entry)

    def follow_events(call: Call) -> Response:
        asked = call.parameters["topics"]
        topics = list(Topic) if asked is None else [Topic(one) for one in asked.split(",")]
        stream = feeds.open(
            call.world, list(dict.fromkeys(topics)), call.parameters["Last-Event-ID"]
        )
        if call.exchange.method == "HEAD":
            return NoContent(HEADERS, 200)  # As GET, without opening the stream.
        return stream

    return {"followEvents": follow_events}
