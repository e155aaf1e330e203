"""A run that has finished is packed, which nothing that is read of it shows."""

import gc
from collections import Counter
from dataclasses import replace
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import pytest
from engine_world import DAY, SCENARIOS, START, act, advance, new_world
from hypothesis import given, settings
from strategies import actions, behaviours, casts

from mock_server.engine.behaviour import Behaviour, RetryIdentity
from mock_server.engine.clock import Clock
from mock_server.engine.enums import RetryMode
from mock_server.engine.fake_data import FakeData
from mock_server.engine.run import PackedRun, Run
from mock_server.engine.run_state import Event, StepState
from mock_server.engine.scenario import Scenario
from mock_server.errors import HttpError
from mock_server.resources import worlds_dir
from mock_server.worlds import recent_runs, seed_data, snapshot
from mock_server.worlds.cooperative import run_to_end
from mock_server.worlds.rendered_events import EventCursor
from mock_server.worlds.world import World

NONE_PACKED = 1_000_000


def everything(world: World) -> list[bytes]:
    """Everything that can be read of a world."""
    found = [run_to_end(snapshot.write(world)), world.page(None, 1_000, 0)]
    for run in world.runs():
        leave, cursor = world.subscribe(run, lambda: None), EventCursor(world, run, 0)
        found += [world.body(run), world.steps(run)]
        while not cursor.at_end:
            found += cursor.read()
        leave()
    return found


def settle(world: World) -> None:
    """Draw what the engine has deferred."""
    for run in world.runs():
        if not run.packed:
            world.engine.unpack(run)
    world.engine.defers = False


@settings(max_examples=20, deadline=None)
@given(casts, behaviours, actions)
def test_a_packed_run_is_the_same_to_the_byte(
    cast: list[Scenario], behaviour: Behaviour, history: list[tuple[Any, ...]]
) -> None:
    """Whatever happens to it; also where its facts are drawn when they are read."""
    found = []
    for kept, defers in ((NONE_PACKED, False), (0, False), (1, True)):
        world = new_world(behaviour)
        world.engine.defers = defers
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recent_runs, "KEPT", kept)
            runs = [world.create(scenario) for scenario in cast]
            for action in history:
                act(world, runs, action)
            if defers:
                settle(world)
        found.append([*everything(world), world.counts(), [run.attempts for run in world.runs()]])
    assert found[1] == found[0]
    assert found[2] == found[0]


@pytest.mark.parametrize("identity", RetryIdentity)
def test_a_long_past_is_the_same_to_the_byte(
    identity: RetryIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A world with many runs draws most of their facts later, after a retry too."""
    start = seed_data.read(worlds_dir() / "demo.yaml", SCENARIOS)
    found = []
    for many in (1, NONE_PACKED):
        monkeypatch.setattr(seed_data, "MANY", many)
        monkeypatch.setattr(recent_runs, "KEPT", 20)
        clock = Clock(START, scale=0)
        behaviour = replace(Behaviour(), retry_identity=identity)
        length = start.history_length
        world = World("test", 1, clock, behaviour, FakeData(), history_length=length)
        run_to_end(seed_data.populate(world, start, SCENARIOS))
        assert sum(run.packed for run in world.runs()) > 20
        advance(world, DAY)
        found.append(everything(world))
    assert found[0] == found[1]


def test_runs_that_have_finished_hold_no_object_for_an_event_or_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Apart from the few that have finished last, whatever was read of the others."""
    monkeypatch.setattr(recent_runs, "KEPT", 2)
    world = new_world()
    for _ in range(5):
        world.create(SCENARIOS["diamond"])
        advance(world, DAY)
    everything(world)
    last = [run for run in world.runs() if not run.packed]
    assert len(last) == 2
    counts = count_objects(world)
    assert counts[Run] + counts[PackedRun] == 5
    assert counts[Event] == sum(len(run.log) for run in last)
    assert counts[StepState] == sum(len(run.state.steps) for run in last)


def test_a_retry_that_is_rejected_leaves_no_run_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may try it with every run."""
    monkeypatch.setattr(recent_runs, "KEPT", 2)
    world = new_world()
    runs = [world.create(SCENARIOS["quick-success"]) for _ in range(5)]
    advance(world, DAY)
    for run in runs:
        with pytest.raises(HttpError):
            world.retry(run, RetryMode.FROM_STEP, "unknown")
    assert sum(not run.packed for run in runs) == 2


def test_a_packed_run_can_be_retried_while_it_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream goes on where it was."""
    monkeypatch.setattr(recent_runs, "KEPT", 0)
    world = new_world()
    run = world.create(SCENARIOS["five-hundred-steps"])
    advance(world, DAY)
    assert run.packed
    cursor, seen = EventCursor(world, run, 0), 0
    seen += len(cursor.read())
    world.retry(run, RetryMode.FULL, None)
    advance(world, DAY)
    while not cursor.at_end:
        seen += len(cursor.read())
    assert seen == run.event_count == len(run.log)


def count_objects(world: World) -> Counter[type]:
    """Count the objects that the world refers to, by type."""
    counts: Counter[type] = Counter()
    seen, waiting = set(), [world]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, (type, ModuleType, FunctionType, partial)):
            seen.add(id(one))
            counts[type(one)] += 1
            waiting += gc.get_referents(one)
    return counts
