"""The live feed: what changes in a world, as server-sent events.

A channel observes a world only while the feed has clients for it, and for a little while after the
last one has left, so that it can resume. Without a client, nothing is observed.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from mock_server.control.feed_channel import Channel, Topic
from mock_server.control.feed_subscriber import FeedSubscriber, Watch, unwatched
from mock_server.control.worlds import to_json
from mock_server.engine.randomness import new_token
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError
from mock_server.http.call import Call, Handler, NoContent, Response
from mock_server.http.control_sessions import ControlSessions
from mock_server.http.event_stream import HEADERS
from mock_server.http.explain import Explainer
from mock_server.journal.journal import Journal
from mock_server.settings import MAX_FEEDS
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World

RESUMABLE_FOR = 30.0
"""Real seconds for which a channel goes on without a client."""


class Feeds:
    """The live feed of one mock: its channels by the name of the world and whose requests.

    ``process`` is part of every id: the ids of another process mean nothing here. ``number`` is
    that of the newest change.
    """

    def __init__(self, worlds: Worlds, explainer: Explainer) -> None:
        self.process = new_token().replace("-", "_")[:8]
        self.number = 0
        self.entry = explainer.entry
        self.open_count = 0
        self.closed = False
        self._worlds = worlds
        self._channels: dict[tuple[str, str], Channel] = {}
        self._journals: dict[str, Callable[[World], list[Journal]]] = {
            "world": lambda world: [world.journal],
            "none": lambda _: [explainer.unassigned, *self._elsewhere("none")],
            "all": lambda _: [
                explainer.unassigned,
                *(world.journal for world in worlds),
                *self._elsewhere("all"),
            ],
        }

    def next_number(self) -> int:
        """Return the number of the next change."""
        self.number += 1
        return self.number

    def list_worlds(self) -> Json:
        """Return the open worlds as in the control API."""
        peers = self._worlds.peers
        items = [to_json(world) for world in self._worlds]
        if peers is not None:
            by_name = {item["name"]: item for item in (*peers.worlds(), *items)}
            items = [by_name[name] for name in sorted(by_name)]
        return {"items": items}

    def check_room(self) -> None:
        """Raise HttpError: 429 when too many feeds are open, 503 when the mock stops."""
        if self.closed:
            raise HttpError(503, "The mock is stopping.")
        if self.open_count >= MAX_FEEDS:
            raise HttpError(
                429,
                f"{MAX_FEEDS} live feeds are open, the maximum: close some.",
                {"Retry-After": "5"},
            )

    def open(
        self,
        world: World,
        whose: str,
        topics: list[Topic],
        last_event_id: str | None,
        watch: Watch = unwatched,
    ) -> FeedSubscriber:
        """Return a stream of the changes in ``world``, since ``last_event_id`` if there is one;
        send it, or its channel will not end. ``watch`` ends it with the session of the client.
        Raise HttpError as ``check_room`` does."""
        self.check_room()
        key = (world.name, whose)
        channel = self._channels.get(key)
        if channel is None:
            self._make_room()
            channel = self._channels[key] = Channel(self, world, self._journals[whose])
        self._observe(whose)
        return FeedSubscriber(self, channel, topics, last_event_id, watch)

    def release(self, channel: Channel) -> None:
        """Let ``channel`` end soon, unless a client joins it."""
        if not channel.live and not self.closed:
            loop = asyncio.get_running_loop()
            channel.expiry = loop.call_later(RESUMABLE_FOR, self._expire, channel)

    def opened(self, world: World) -> None:
        """Note a world that is opened, maybe in place of another one."""
        self._worlds_have_changed()
        for (name, _), channel in self._channels.items():
            if name == world.name:
                channel.replaced(world)
            else:
                channel.observe_journals()

    def removed(self, name: str) -> None:
        """Note that the world of that name is gone."""
        for channel in [one for (world, _), one in self._channels.items() if world == name]:
            self._expire(channel)
        self._worlds_have_changed()
        for channel in self._channels.values():
            channel.observe_journals()

    def _make_room(self) -> None:
        """End the channel that has been without clients for the longest time if there are many."""
        if len(self._channels) >= MAX_FEEDS:
            idle = [one for one in self._channels.values() if not one.live]
            self._expire(min(idle, key=lambda one: one.expiry.when() if one.expiry else 0.0))

    def _expire(self, channel: Channel) -> None:
        """End a channel without clients."""
        channel.close()
        self._channels = {key: one for key, one in self._channels.items() if one is not channel}
        if not self._channels:
            self._rest()

    def close(self) -> None:
        """End every feed, because the mock stops."""
        self.closed = True
        for channel in self._channels.values():
            channel.close()

    def _observe(self, whose: str) -> None:
        """Observe which worlds are open, also those of other processes, and their requests."""
        worlds = self._worlds
        if self not in worlds.observers:
            worlds.observers += (self,)
        if worlds.peers is not None:
            worlds.peers.follow(self._peers_have_changed, requests=whose != "world")

    def _rest(self) -> None:
        worlds = self._worlds
        worlds.observers = tuple(one for one in worlds.observers if one is not self)
        if worlds.peers is not None:
            worlds.peers.rest()

    def _elsewhere(self, whose: str) -> list[Journal]:
        peers = self._worlds.peers
        return [] if peers is None else peers.journals(whose)

    def _peers_have_changed(self) -> None:
        for channel in self._channels.values():
            channel.observe_journals()
        self._worlds_have_changed()

    def _worlds_have_changed(self) -> None:
        for channel in self._channels.values():
            channel.worlds_changed()


def functions(
    worlds: Worlds, explainer: Explainer, sessions: ControlSessions
) -> dict[str, Handler]:
    """Return ``followEvents``."""
    feeds = Feeds(worlds, explainer)

    def follow_events(call: Call) -> Response:
        asked = call.parameters["topics"]
        topics = list(Topic) if asked is None else [Topic(one) for one in asked.split(",")]
        if call.exchange.method == "HEAD":
            feeds.check_room()
            return NoContent(HEADERS, 200)  # As GET, without opening the stream.
        whose = call.parameters["whose"].replace("nobody", "none")
        last_event_id = call.parameters["Last-Event-ID"]
        watch = partial(sessions.watch, call.exchange.headers)
        return feeds.open(call.world, whose, list(dict.fromkeys(topics)), last_event_id, watch)

    return {"followEvents": follow_events}
