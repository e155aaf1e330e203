"""The events of a run as its streams read them: rendered once, for all subscribers."""

from dataclasses import replace

import pytest
from engine_world import DAY, SCENARIOS, advance, new_world

from mock_server.engine.behaviour import EmptyFields
from mock_server.worlds import serialize
from mock_server.worlds.rendered_events import EventCursor
from mock_server.worlds.world import EVENT_BATCH


def read_all(subscriber: EventCursor) -> bytes:
    found = []
    while not subscriber.at_end:
        found += subscriber.read()
    return b"".join(found)


def test_an_event_is_rendered_once_for_all_subscribers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether they read along or come later."""
    rendered = []
    render = serialize.event_bytes
    monkeypatch.setattr(
        serialize,
        "event_bytes",
        lambda event, *args, **more: rendered.append(event.seq) or render(event, *args, **more),
    )
    world = new_world()
    run = world.create(SCENARIOS["diamond"])
    subscribers = [EventCursor(world, run, 0) for _ in range(20)]
    bodies = [b""] * 20
    for _ in range(100):
        advance(world, 200)
        for index, subscriber in enumerate(subscribers):
            bodies[index] += read_all(subscriber)
    late = read_all(EventCursor(world, run, 0))
    assert run.finished
    assert set(bodies) == {late}
    assert rendered == [event.seq for event in run.log]


def test_a_subscriber_reads_every_event_from_wherever_it_begins() -> None:
    """Also where the shared replay has passed it long ago, or begins later than it."""
    world = new_world()
    run = world.create(SCENARIOS["five-hundred-steps"])
    advance(world, DAY)
    count = len(run.log)
    assert count > 3 * EVENT_BATCH
    middle = EventCursor(world, run, 300)
    first, second = EventCursor(world, run, 0), EventCursor(world, run, 0)
    part = b"".join(middle.read() + middle.read())
    whole = read_all(first)
    assert read_all(second) == whole
    assert whole.endswith(part + read_all(middle))
    assert whole.count(b"\n\n") == count
    assert [subscriber.position for subscriber in (first, second, middle)] == [count] * 3


def test_a_replay_is_kept_as_long_as_there_are_subscribers() -> None:
    """A run without any holds no bytes of its events."""
    world = new_world()
    run = world.create(SCENARIOS["diamond"])
    leave = [world.subscribe(run, lambda: None) for _ in range(2)]
    read_all(EventCursor(world, run, 0))
    assert world.replays.keys() == {run.id}
    leave[0]()
    assert world.replays.keys() == {run.id}
    leave[1]()
    assert not world.replays


def test_a_change_of_behaviour_applies_to_events_that_are_read_later() -> None:
    """Those that were rendered before are rendered again."""
    world = new_world()
    run = world.create(SCENARIOS["diamond"])
    advance(world, DAY)
    before = read_all(EventCursor(world, run, 0))
    world.set_behaviour(replace(world.behaviour, empty_fields=EmptyFields.ABSENT))
    after = read_all(EventCursor(world, run, 0))
    assert b":null" in before
    assert b":null" not in after
    assert after.count(b"\n\n") == before.count(b"\n\n")
