"""Faults of event streams, as a subscriber sees them."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from raw_http import opened, read

from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
EVENTS = 11


@pytest.fixture
def events(mock_world: MockWorld) -> str:
    """The path of the events of a run that has finished, of which there are 11."""
    run_id = mock_world.create("diamond")
    mock_world.advance(60)
    return f"{RUNS}/{run_id}/events"


def fault(world: MockWorld, **rule: Any) -> None:
    reply = world.client.post("/_mock/faults", json=rule)
    assert reply.status_code == 201, reply.text


def body(text: bytes) -> tuple[bytes, bool]:
    """The body of a chunked answer, and whether it came to its proper end."""
    rest = text.partition(b"\r\n\r\n")[2]
    found = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if size == b"0":
            return found, True
        found += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return found, False


def ids(text: bytes) -> list[int]:
    """The numbers of the whole events, as they came."""
    whole = [frame for frame in text.split(b"\n\n")[:-1] if b"data:" in frame]
    return [int(re.findall(rb"(?m)^id: (\d+)$", frame)[0]) for frame in whole]


def stream(world: MockWorld, path: str) -> tuple[list[int], bytes, bool]:
    """Whole events, the text behind the last of them, and whether the end was proper."""
    text, proper = body(read(opened(world, path)))
    return ids(text), text.rpartition(b"\n\n")[2], proper


def test_without_a_fault_a_stream_is_whole(mock_world: MockWorld, events: str) -> None:
    """What the other tests are held against."""
    assert stream(mock_world, events) == (list(range(1, EVENTS + 1)), b"", True)


@pytest.mark.parametrize("after", [0, 1, 5, 10, EVENTS])
def test_a_cut_stream_breaks_off_behind_an_event(
    mock_world: MockWorld, events: str, after: int
) -> None:
    """Without a proper end."""
    fault(mock_world, cut={"after": after})
    assert stream(mock_world, events) == (list(range(1, after + 1)), b"", False)


def test_a_clean_cut_looks_like_the_end(mock_world: MockWorld, events: str) -> None:
    """As from a proxy whose patience is over."""
    fault(mock_world, cut={"after": 2, "clean": True})
    assert stream(mock_world, events) == ([1, 2], b"", True)


def test_a_client_resumes_after_a_cut(mock_world: MockWorld, events: str) -> None:
    """Three events at a time, every event once."""
    fault(mock_world, cut={"after": 3})
    seen: list[int] = []
    for _ in range(4):
        headers = {"Last-Event-ID": str(len(seen))}
        text = b""
        with mock_world.client.stream("GET", events, headers=headers) as reply:
            for piece in _until_broken(reply.iter_raw()):
                text += piece
        seen += ids(text)
    assert seen == list(range(1, EVENTS + 1))


def test_half_a_frame_breaks_off_within_an_event(mock_world: MockWorld, events: str) -> None:
    """Its beginning comes, its end does not."""
    fault(mock_world, halfFrame={"after": 2})
    whole, rest, proper = stream(mock_world, events)
    assert (whole, proper) == ([1, 2], False)
    assert rest.startswith(b"id: 3\nevent: ")


def test_a_silent_stream_stays_open_and_says_nothing(mock_world: MockWorld) -> None:
    """Though much happens, until its world ends."""
    path = f"{RUNS}/{mock_world.create('diamond')}/events"
    fault(mock_world, silence={"after": 2})
    connection = opened(mock_world, path)
    mock_world.advance(60)
    text = b""
    while b"id: 2\n" not in text or not text.endswith(b"\n\n\r\n"):
        text += connection.recv(65_536)
    connection.settimeout(0.2)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    connection.settimeout(20)
    mock_world.client.post("/_mock/reset", json={"runs": 0, "live": 0, "scale": 0})
    received, proper = body(text + read(connection))
    assert (ids(received), proper) == ([1, 2], True)


def test_duplicate_events_come_twice(mock_world: MockWorld, events: str) -> None:
    """Side by side, with the same number."""
    fault(mock_world, duplicate={})
    twice = [number for number in range(1, EVENTS + 1) for _ in range(2)]
    assert stream(mock_world, events) == (twice, b"", True)


def test_some_events_come_twice(mock_world: MockWorld, events: str) -> None:
    """Which of them is drawn from the seed, for each stream separately."""
    fault(mock_world, duplicate={"probability": 0.5})
    streams = [stream(mock_world, events)[0] for _ in range(5)]
    for numbers in streams:
        assert sorted(set(numbers)) == list(range(1, EVENTS + 1))
        assert numbers == sorted(numbers)
    assert len({len(numbers) for numbers in streams}) > 1


@pytest.mark.parametrize("window", [2, 3, 11, 100])
def test_reordered_events_all_come_within_their_window(
    mock_world: MockWorld, events: str, window: int
) -> None:
    """None is lost, and none is further from its place than the window."""
    fault(mock_world, reorder={"window": window})
    numbers, _, proper = stream(mock_world, events)
    assert proper
    assert sorted(numbers) == list(range(1, EVENTS + 1))
    assert numbers != sorted(numbers)
    for place, number in enumerate(numbers):
        assert place // window == (number - 1) // window


def test_a_stream_asks_for_patience(mock_world: MockWorld, events: str) -> None:
    """In milliseconds, as the standard has it."""
    fault(mock_world, reconnect={"after": "45s"})
    text = mock_world.client.get(events).text
    assert text.startswith("retry: 45000\nid: 1\n")


def test_faults_of_a_stream_compose(mock_world: MockWorld, events: str) -> None:
    """Doubled events count twice for the cut behind them."""
    fault(mock_world, duplicate={}, cut={"after": 5})
    assert stream(mock_world, events) == ([1, 1, 2, 2, 3], b"", False)


def test_doubled_events_are_out_of_order_too(mock_world: MockWorld, events: str) -> None:
    """A window holds different events, not the copies of one."""
    fault(mock_world, duplicate={}, reorder={})
    numbers, _, proper = stream(mock_world, events)
    assert proper
    assert sorted(numbers) == [number for number in range(1, EVENTS + 1) for _ in range(2)]
    assert numbers != sorted(numbers)
    assert numbers[::2] == numbers[1::2]


def test_a_stream_can_be_dropped_and_dribbled(mock_world: MockWorld, events: str) -> None:
    """Like any other answer."""
    fault(mock_world, drop={"after": 20}, dribble={"chunks": 2, "over": "0ms"})
    received, proper = body(read(opened(mock_world, events)))
    assert (len(received), proper) == (20, False)


def test_a_live_stream_is_cut_as_its_run_goes(mock_world: MockWorld) -> None:
    """It is open until the third event happens."""
    run_id = mock_world.create("quick-success")
    fault(mock_world, cut={"after": 3})
    connection = opened(mock_world, f"{RUNS}/{run_id}/events")
    text = b""
    while b"id: 1\n" not in text:
        text += connection.recv(65_536)
    mock_world.advance(60)
    received, proper = body(text + read(connection))
    assert (ids(received), proper) == ([1, 2, 3], False)


def test_other_answers_of_a_stream_pass(mock_world: MockWorld) -> None:
    """Only event streams are cut after an event."""
    fault(mock_world, cut={"after": 0})
    path = f"{RUNS}/497f6eca-6276-4993-bfeb-53cbbbba6f08/events"
    assert mock_world.client.get(path).json() == {"detail": "Run not found"}


def _until_broken(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of an answer that may break off."""
    with suppress(httpx2.RemoteProtocolError):
        yield from pieces
