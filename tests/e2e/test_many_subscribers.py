"""Event streams when there are many of them, and when their subscribers behave badly.

The mock runs in this process, on a socket like any other, so that what it holds can be counted.
"""

import asyncio
import gc
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from event_subscriber import EventSubscriber
from processes import PATIENCE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mock_server.http.event_stream import EventStream
from mock_server.testing import MockWorld
from mock_server.worlds import wakeup
from mock_server.worlds.rendered_events import EventCursor, Replay, SharedReplay
from mock_server.worlds.world import World

RUNS = "/api/v1/automation-runs"
STILL_HERE = b": still here\n\n"
DIAMOND = list(range(1, 12))
"""The ids of everything that happens to a run of the scenario ``diamond``."""

Follow = Callable[..., EventSubscriber]


@pytest.fixture
def follow(mock_world: MockWorld) -> Iterator[Follow]:
    """Opens a stream of a run of the test's world; what is still open at the end is closed."""
    with ExitStack() as stack:
        yield lambda run_id, **more: stack.enter_context(
            EventSubscriber(mock_world.base_url, run_id, mock_world.key, **more)
        )


def open_streams(world: MockWorld) -> int:
    """How many streams the mock says it serves."""
    count: int = world.client.get("/_mock/health").json()["streams"]
    return count


def held() -> Counter[str]:
    """Count what the mock holds for its streams: connections, subscribers, replays, tasks and what
    they wait for."""
    gc.collect()
    kinds = {HttpToolsProtocol, EventStream, EventCursor, SharedReplay, Replay, asyncio.Event}
    return Counter(
        type(each).__name__
        for each in gc.get_objects()
        if type(each) in kinds or (type(each) is asyncio.Task and not each.done())
    )


def eventually(holds: Callable[[], bool]) -> None:
    """Ask until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"


def ask_and_vanish(world: MockWorld, run_id: str) -> None:
    """Ask for a stream and reset the connection without reading a byte."""
    address = urlsplit(world.base_url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(
            f"GET {RUNS}/{run_id}/events HTTP/1.1\r\n"
            f"Host: {address.netloc}\r\nX-API-Key: {world.key}\r\n\r\n".encode()
        )
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_subscribers_that_vanish_leave_nothing_behind(
    mock_world: MockWorld, follow: Follow
) -> None:
    """Three hundred are there at once and reset their connections, some before they have read
    anything: soon the mock serves no stream, and holds no task and no object for one."""
    run_id = mock_world.create("diamond")
    eventually(lambda: open_streams(mock_world) == 0)  # Those of other tests have ended, too.
    before = held()
    subscribers = [follow(run_id) for _ in range(300)]
    assert open_streams(mock_world) == 300
    assert held()["EventStream"] == 300
    for subscriber in subscribers:
        subscriber.vanish()
        ask_and_vanish(mock_world, run_id)
    eventually(lambda: open_streams(mock_world) == 0)
    eventually(lambda: held() <= before)

    late = follow(run_id)
    mock_world.advance(60)
    late.read_to_end()
    assert late.ids == DIAMOND


def test_two_hundred_subscribers_see_the_same(mock_world: MockWorld, follow: Follow) -> None:
    """Whether they were there from the beginning or came in the middle, byte for byte."""
    run_id = mock_world.create("diamond")
    subscribers = [follow(run_id) for _ in range(100)]
    mock_world.advance(3)
    subscribers += [follow(run_id) for _ in range(100)]
    for seconds in (3, 1, 1, 60):
        mock_world.advance(seconds)
    bodies = {subscriber.read_to_end() for subscriber in subscribers}
    assert [subscriber.ids for subscriber in subscribers] == [DIAMOND] * 200
    assert len(bodies) == 1


def test_a_subscriber_that_does_not_read_harms_no_other(
    mock_world: MockWorld, follow: Follow
) -> None:
    """Megabytes wait for it; meanwhile others read the whole run, and requests are answered. When
    it reads after all, nothing is missing."""
    run_id = mock_world.create("five-hundred-steps")
    for _ in range(3):
        mock_world.advance(3_600)
        again = mock_world.client.post(f"{RUNS}/{run_id}/retry", json={"mode": "full"})
        assert again.status_code == 200
    slow = follow(run_id, buffer=4_096)
    mock_world.advance(3_600)

    other = follow(run_id)
    other.read_to_end()
    assert other.ids == list(range(1, len(other.ids) + 1))
    assert mock_world.run(run_id)["status"] == "completed"
    eventually(lambda: open_streams(mock_world) == 1)

    slow.hurry()
    assert slow.read_to_end() == other.body
    eventually(lambda: open_streams(mock_world) == 0)


def test_a_silent_stream_shows_that_it_lives(mock_world: MockWorld, follow: Follow) -> None:
    """A comment comes when there was nothing to say for fifteen seconds of the world's time, not
    before; it is not an event, and events come in between as ever."""
    run_id = mock_world.create("hang")
    subscriber, other = follow(run_id), follow(run_id)
    mock_world.advance(10)
    subscriber.read_until(b"event: step.started", times=2)
    mock_world.advance(14.999)
    mock_world.advance(0.001)
    subscriber.read_until(STILL_HERE)
    mock_world.advance(15)
    subscriber.read_until(STILL_HERE, times=2)
    mock_world.client.post(f"{RUNS}/{run_id}/cancel")
    assert subscriber.read_to_end().count(STILL_HERE) == 2
    assert other.read_to_end() == subscriber.body
    assert subscriber.ids == list(range(1, 9))


def test_a_silent_stream_on_a_fast_clock_beats_no_faster_than_it_may(
    mock_server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the world's clock it would be silent a thousand times a second; heartbeats keep a
    distance in real time."""
    monkeypatch.setattr(wakeup, "MIN_HEARTBEAT_GAP", 0.05)
    with (
        MockWorld(mock_server_url, "test-fast-silence", scale=15_000, runs=0, live=0) as world,
        EventSubscriber(world.base_url, world.create("hang"), world.key) as subscriber,
    ):
        subscriber.read_until(STILL_HERE)
        began = time.monotonic()
        subscriber.read_until(STILL_HERE, times=4)
        assert time.monotonic() - began > 0.1


def test_a_world_that_was_followed_is_let_go(mock_world: MockWorld) -> None:
    """When it was reset and its subscribers are gone, nothing holds it any more."""
    for _ in range(3):
        run_id = mock_world.create("hang")
        with EventSubscriber(mock_world.base_url, run_id, mock_world.key) as subscriber:
            mock_world.client.post("/_mock/clock/resume")  # Its heart beats.
            mock_world.client.post("/_mock/reset", json={"runs": 0, "live": 0, "scale": 0})
            subscriber.read_to_end()
    eventually(lambda: worlds_named(mock_world.key) == 1)


def worlds_named(name: str) -> int:
    """How many worlds of that name are in memory."""
    gc.collect()
    return sum(type(each) is World and each.name == name for each in gc.get_objects())
