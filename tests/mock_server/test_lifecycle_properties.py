"""Properties of every run, whatever its steps, the requests and the behaviour."""

from typing import Any

from engine_world import (
    act,
    advance,
    new_world,
)
from hypothesis import given, settings
from run_checks import check_log, check_order, check_state, check_times, check_world
from strategies import actions, behaviours, casts

from mock_server.engine.behaviour import (
    Behaviour,
)
from mock_server.engine.scenario import Scenario


@settings(max_examples=150, deadline=None)
@given(casts, behaviours, actions)
def test_any_history_is_consistent(
    cast: list[Scenario], behaviour: Behaviour, history: list[tuple[Any, ...]]
) -> None:
    """Log, state, steps, list and times agree after whatever happens to a run."""
    world = new_world(behaviour)
    runs = [world.create(scenario) for scenario in cast]
    for action in history:
        act(world, runs, action)
        for run in runs:
            check_log(run)
            check_order(run)
            check_state(world, run)
            check_times(run)
        check_world(world, runs)


@settings(max_examples=100, deadline=None)
@given(casts, behaviours, actions)
def test_equal_seed_and_calls_report_equal_histories(
    cast: list[Scenario], behaviour: Behaviour, history: list[tuple[Any, ...]]
) -> None:
    """The same seed and the same calls give the same bytes."""
    pages = []
    for _ in range(2):
        world = new_world(behaviour)
        runs = [world.create(scenario) for scenario in cast]
        for action in history:
            act(world, runs, action)
        pages.append([world.page(None, 100, 0), *(world.steps(run) for run in runs)])
    assert pages[0] == pages[1]


@settings(max_examples=100, deadline=None)
@given(casts, actions)
def test_how_time_is_cut_makes_no_difference(
    cast: list[Scenario], history: list[tuple[Any, ...]]
) -> None:
    """A world that catches up every 100 ms reports what one that sleeps in between reports."""
    pages = []
    for pieces in (1, 50):
        world = new_world()
        runs = [world.create(scenario) for scenario in cast]
        for action in history:
            if action[0] == "advance":
                for _ in range(pieces):
                    advance(world, action[1] * 50 // pieces)
            else:
                act(world, runs, action)
        pages.append([world.page(None, 100, 0), *(world.steps(run) for run in runs)])
    assert pages[0] == pages[1]
