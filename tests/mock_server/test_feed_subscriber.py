"""One client of the live feed, without a server: how fast it is sent what, and what it costs."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from mock_server.control import feed, feed_channel, feed_subscriber
from mock_server.control.feed import Feeds
from mock_server.control.feed_channel import Topic
from mock_server.engine.randomness import SeededRandom
from mock_server.errors import HttpError
from mock_server.http.control_sessions import ControlSessions
from mock_server.journal.exchange import Exchange
from mock_server.journal.journal import Journal
from mock_server.settings import Settings
from mock_server.worlds.arrivals import Arrivals
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World

WORLD = "test-empty-feed"


class Client:
    """A client of the feed of one world, which reads when the test lets it."""

    def __init__(self, feeds: Feeds, world: World, topics: str, last_id: str | None = None) -> None:
        self.events: list[tuple[str, Any]] = []
        self.comments = self.sent_bytes = 0
        self.last_id: str | None = None
        self.may_send = asyncio.Event()
        self.may_send.set()
        self._received = asyncio.Event()
        self._left = asyncio.Event()
        asked = [Topic(one) for one in topics.split(",")]
        stream = feeds.open(world, "world", asked, last_id)
        self.task = asyncio.ensure_future(stream(self._receive, self._send))
        self.task.add_done_callback(lambda _: self._received.set())

    async def _receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.may_send.wait()
        for block in message.get("body", b"").split(b"\n\n")[:-1]:
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
            self.sent_bytes += len(block)
            self.comments += b"" in fields or block.startswith(b":")
            if b"data" in fields:
                self.events.append((fields[b"event"].decode(), orjson.loads(fields[b"data"])))
                self.last_id = fields.get(b"id", b"").decode() or self.last_id
        self._received.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self.task.done():
                self.task.result()
                raise AssertionError("the stream has ended")
            self._received.clear()
            await self._received.wait()

    async def event(self, name: str) -> Any:
        """Return the data of the next event, which has that name."""
        await self.until(lambda: bool(self.events))
        found, data = self.events.pop(0)
        assert found == name
        return data

    async def name(self) -> str:
        """Return the name of the next event."""
        await self.until(lambda: bool(self.events))
        return self.events.pop(0)[0]

    async def leave(self) -> None:
        self._left.set()
        self.may_send.set()
        await self.task


def with_world(test: Callable[[Feeds, World], Coroutine[Any, Any, None]]) -> None:
    """Run ``test`` with a feed and an empty, frozen world."""

    async def run() -> None:
        worlds = Worlds(Settings(scale=0))
        explainer = SimpleNamespace(entry=lambda one: {"number": one.number}, unassigned=Journal())
        feeds = Feeds(worlds, explainer)
        await asyncio.wait_for(test(feeds, await worlds.open(WORLD)), 20)
        feeds.close()
        worlds.close()

    asyncio.run(run())


class Request:
    """The part of an exchange that the feed needs."""

    ended = 1.0

    def __init__(self, number: int) -> None:
        self.number = number

    def measure(self) -> int:
        return 1

    def on_end(self, call: Callable[[Any], None]) -> None:
        """Do nothing: it has ended."""

    forget_end = on_end


def scenario(feeds: Feeds) -> Any:
    return feeds._worlds.scenarios["diamond"]


def test_nothing_is_observed_without_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor in another world, nor a while after the last client has left."""
    monkeypatch.setattr(feed, "RESUMABLE_FOR", 0.0)

    async def test(feeds: Feeds, world: World) -> None:
        other = await feeds._worlds.open("test-empty-other")
        observed = [world.observers, world.journal.observers, world.faults.observers]
        assert observed == [(), (), ()]
        assert feeds._worlds.observers == ()
        client = Client(feeds, world, "runs")
        await client.event("hello")
        assert len(world.observers) == len(world.journal.observers) == 1
        assert len(world.faults.observers) == 1
        assert (other.observers, other.journal.observers) == ((), ())
        assert (world.has_subscribers, other.has_subscribers) == (True, False)
        await client.leave()
        assert not world.has_subscribers
        while world.observers:
            await asyncio.sleep(0)
        assert (world.journal.observers, world.faults.observers) == ((), ())
        assert feeds._worlds.observers == ()

    with_world(test)


def test_a_head_request_observes_nothing() -> None:
    """It has no stream whose end would end that."""

    async def run() -> None:
        worlds = Worlds(Settings(scale=0))
        explainer = SimpleNamespace(entry=None, unassigned=Journal())
        follow_events = feed.functions(worlds, explainer, ControlSessions(None))["followEvents"]
        world = await worlds.open(WORLD)
        parameters = {"topics": None, "whose": "world", "Last-Event-ID": None}
        exchange = SimpleNamespace(method="HEAD")
        follow_events(SimpleNamespace(parameters=parameters, exchange=exchange, world=world))
        assert (world.observers, worlds.observers) == ((), ())

    asyncio.run(run())


def test_what_nothing_observed_cannot_be_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The id is as new as can be, but the channel has ended in between."""
    monkeypatch.setattr(feed, "RESUMABLE_FOR", 0.0)

    async def test(feeds: Feeds, world: World) -> None:
        client = Client(feeds, world, "runs")
        await client.event("hello")
        await client.leave()
        while world.observers:
            await asyncio.sleep(0)
        world.create(scenario(feeds))
        again = Client(feeds, world, "runs", client.last_id)
        await again.event("hello")
        assert await again.event("resync") == {}
        await again.leave()

    with_world(test)


def test_channels_without_clients_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many worlds are followed for a moment, few go on being observed."""
    monkeypatch.setattr(feed, "MAX_FEEDS", 3)

    async def test(feeds: Feeds, world: World) -> None:
        followed = [world]
        for number in range(6):
            followed.append(await feeds._worlds.open(f"test-empty-{number}"))
        for one in followed:
            client = Client(feeds, one, "runs")
            await client.event("hello")
            await client.leave()
        assert [bool(one.observers) for one in followed] == [False] * 4 + [True] * 3

    with_world(test)


def test_the_end_of_the_mock_ends_a_feed_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that may not send its next event yet."""
    monkeypatch.setattr(feed_subscriber, "EVENT_INTERVAL", 3_600.0)

    async def test(feeds: Feeds, world: World) -> None:
        client = Client(feeds, world, "runs")
        await client.event("hello")
        feeds.close()
        await client.task
        with pytest.raises(HttpError, match="stopping"):
            feeds.open(world, "world", [Topic.RUNS], None)

    with_world(test)


def test_arrivals_change_what_is_due_next() -> None:
    """The clock is sent again."""

    async def test(feeds: Feeds, world: World) -> None:
        client = Client(feeds, world, "clock")
        await client.event("hello")
        mix = [(scenario(feeds), 1.0)]
        world.set_arrivals(Arrivals(6, mix, SeededRandom(1, "arrivals"), world.engine.now))
        assert (await client.event("clock"))["nextDueAt"] is not None
        world.set_arrivals(None)
        assert (await client.event("clock"))["nextDueAt"] is None
        await client.leave()

    with_world(test)


def test_a_slow_client_gets_each_run_once_in_its_newest_state() -> None:
    """However much happens while it reads nothing; and nothing waits for it."""

    async def test(feeds: Feeds, world: World) -> None:
        client, quick = Client(feeds, world, "runs"), Client(feeds, world, "runs")
        await client.event("hello")
        await quick.event("hello")
        client.may_send.clear()
        run = world.create(scenario(feeds))
        assert [one["status"] for one in (await quick.event("runs"))["runs"]] == ["pending"]
        runs = [world.create(scenario(feeds)) for _ in range(50)]
        for _ in world.change_clock(lambda clock: clock.advance(3_600_000)):
            await asyncio.sleep(0)
        client.may_send.set()
        # The event that it could not take at once, and then one with all that came after it.
        first, last = await client.event("runs"), await client.event("runs")
        assert [one["id"] for one in first["runs"]] == [run.id]
        assert {one["id"] for one in last["runs"]} == {run.id, *(one.id for one in runs)}
        assert {one["status"] for one in last["runs"]} == {"completed"}
        assert len(last["runs"]) == 51

    with_world(test)


def test_events_are_limited_in_number() -> None:
    """Ten a second on average, counted over all topics; the first at once."""

    async def test(feeds: Feeds, world: World) -> None:
        began = asyncio.get_running_loop().time()
        client = Client(feeds, world, "runs,clock")
        await client.event("hello")
        world.create(scenario(feeds))
        assert {await client.name(), await client.name()} == {"runs", "clock"}
        for _ in range(2):
            world.create(scenario(feeds))  # The next due event stays the same.
            await client.event("runs")
        # After hello, after the two together, and after the first of the others.
        assert asyncio.get_running_loop().time() - began >= 4 * feed_subscriber.EVENT_INTERVAL
        await client.leave()

    with_world(test)


def test_events_are_limited_in_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many runs come in several events, none lost and none twice."""
    monkeypatch.setattr(feed_subscriber, "EVENT_INTERVAL", 0.0)
    monkeypatch.setattr(feed_channel, "_MAX_EVENT_SIZE", 20_000)

    async def test(feeds: Feeds, world: World) -> None:
        client = Client(feeds, world, "runs")
        await client.event("hello")
        runs = [world.create(scenario(feeds)).id for _ in range(300)]
        found: list[str] = []
        while len(found) < len(runs):
            data = await client.event("runs")
            found += [one["id"] for one in data["runs"]]
            assert len(orjson.dumps(data["runs"])) < 22_000
            assert len(orjson.dumps(data["steps"])) < 24_000
        assert found == runs
        await client.leave()

    with_world(test)


def test_requests_that_are_too_many_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are sent, the others counted, also for a client that comes back."""
    monkeypatch.setattr(feed_channel, "MAX_REQUESTS", 20)

    async def test(feeds: Feeds, world: World) -> None:
        client = Client(feeds, world, "requests")
        await client.event("hello")
        for number in range(1, 51):
            world.journal.append(Request(number))
        assert await client.event("dropped") == {"requests": 30}
        sent = (await client.event("requests"))["requests"]
        assert [one["number"] for one in sent] == [*range(31, 51)]
        await client.leave()
        for number in range(51, 76):
            world.journal.append(Request(number))
        again = Client(feeds, world, "requests", client.last_id)
        await again.event("hello")
        assert await again.event("dropped") == {"requests": 5}
        await again.leave()

    with_world(test)


def test_a_long_stream_is_observed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the world is replaced and pages come and go; it does not keep them alive."""
    monkeypatch.setattr(feed, "RESUMABLE_FOR", 0.0)

    async def test(feeds: Feeds, world: World) -> None:
        counted: list[Exchange] = []
        scope = {"method": "GET", "path": "/", "query_string": b"", "headers": []}
        counter = SimpleNamespace(count=counted.append)
        exchange = Exchange(7, scope, None, world.behaviour, world.journal, counter)
        exchange.status = 200
        world.journal.append(exchange)
        for _ in range(3):
            client = Client(feeds, world, "requests")
            await client.event("hello")
            for _ in range(1_200):
                world.set_behaviour(world.behaviour)
            assert len(exchange._counter.calls) == 1
            await client.leave()
            while world.observers:
                await asyncio.sleep(0)
            assert exchange._counter.calls == []
        client = Client(feeds, world, "requests")
        await client.event("hello")
        exchange.end()
        assert await client.event("requests") == {"requests": [{"number": 7}]}
        assert counted == [exchange]
        await client.leave()

    with_world(test)


def test_more_runs_than_are_remembered_are_a_resync(monkeypatch: pytest.MonkeyPatch) -> None:
    """No run is lost without notice."""
    monkeypatch.setattr(feed_channel, "MAX_RUNS", 10)

    async def test(feeds: Feeds, world: World) -> None:
        client = Client(feeds, world, "runs")
        await client.event("hello")
        for _ in range(11):
            world.create(scenario(feeds))
        assert await client.event("resync") == {}
        world.create(scenario(feeds))
        assert (await client.event("runs"))["total"] == 12
        await client.leave()

    with_world(test)


def test_a_quiet_feed_has_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """In real time, also while the world's clock is frozen."""
    monkeypatch.setattr(feed_subscriber, "HEARTBEAT_INTERVAL", 0.01)
    monkeypatch.setattr(feed_subscriber, "EVENT_INTERVAL", 0.0)

    async def test(feeds: Feeds, world: World) -> None:
        client = Client(feeds, world, "runs")
        await client.until(lambda: client.comments >= 2)
        await client.leave()

    with_world(test)


def test_clients_at_the_same_position_share_what_is_rendered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thirty pages cost about as much as one."""

    async def test(feeds: Feeds, world: World) -> None:
        clients = [Client(feeds, world, "runs") for _ in range(30)]
        for client in clients:
            await client.event("hello")
        rendered: list[str] = []
        peek = world.peek
        monkeypatch.setattr(world, "peek", lambda run: (rendered.append(run.id), peek(run))[1])
        run = world.create(scenario(feeds))
        for client in clients:
            assert (await client.event("runs"))["runs"][0]["id"] == run.id
        assert rendered == [run.id]

    with_world(test)
