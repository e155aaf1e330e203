"""A world without a server, for tests of the engine."""

from dataclasses import replace
from typing import Any

from mock_server.engine.behaviour import (
    Behaviour,
)
from mock_server.engine.clock import Clock
from mock_server.engine.enums import EventType, StepStatus
from mock_server.engine.fake_data import FakeData
from mock_server.engine.run import Run
from mock_server.engine.scenario import read_all
from mock_server.errors import HttpError, RequestValidationError
from mock_server.resources import scenarios_dir
from mock_server.worlds.cooperative import run_to_end
from mock_server.worlds.world import World

START = 1_772_000_000_000
DAY = 86_400_000
SCENARIOS = read_all(scenarios_dir())
BUSY = {StepStatus.RUNNING, StepStatus.AWAITING_APPROVAL}


def new_world(behaviour: Behaviour | None = None) -> World:
    return World("test", 1, Clock(START, scale=0), behaviour or Behaviour(), FakeData())


def advance(world: World, milliseconds: int) -> None:
    run_to_end(world.change_clock(lambda clock: clock.advance(milliseconds)))


def act(world: World, runs: list[Run], action: tuple[Any, ...]) -> None:
    """Do one thing; an error response changes nothing."""
    try:
        match action:
            case ("advance", milliseconds):
                advance(world, milliseconds)
            case ("cancel", index):
                world.cancel(runs[index % len(runs)])
            case ("retry", index, mode, key):
                run = world.retry(runs[index % len(runs)], mode, key)
                if run not in runs:
                    runs.append(run)
            case ("force", index, outcome):
                run = runs[index % len(runs)]
                world.engine.force(run, outcome)
                assert run.state.status is outcome
            case ("behave", identity):
                world.set_behaviour(replace(world.behaviour, retry_identity=identity))
            case ("decide", index, approved):
                run = runs[index % len(runs)]
                for step, state in enumerate(run.state.steps):
                    if state.status is StepStatus.AWAITING_APPROVAL:
                        world.engine.decide(run, step, approved)
                        break
    except (HttpError, RequestValidationError):
        pass


def finished(name: str, behaviour: Behaviour | None = None) -> tuple[World, Run]:
    world = new_world(behaviour)
    run = world.create(SCENARIOS[name])
    advance(world, DAY)
    return world, run


def started_after(run: Run, instant: int) -> set[str]:
    """Keys of the steps that were begun after ``instant``."""
    return {
        run.scenario.plans[event.step].key
        for event in run.log
        if event.type is EventType.STEP_STARTED and event.at > instant and event.step is not None
    }
