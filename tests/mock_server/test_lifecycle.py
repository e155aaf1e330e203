"""What holds for every run, whatever its steps, whatever is done to it, whatever the behaviour."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from strategies import actions, behaviours, casts

from mock_server.engine.behaviour import (
    AfterFailed,
    Behaviour,
    CancelOfRunning,
    ListOrder,
    RetryIdentity,
)
from mock_server.engine.clock import Clock
from mock_server.engine.enums import FINISHED, EventType, RetryMode, RunStatus, StepStatus
from mock_server.engine.fake_data import FakeData
from mock_server.engine.lifecycle import CANCEL_GRACE
from mock_server.engine.run import Run
from mock_server.engine.run_state import Event, RunState, fold
from mock_server.engine.scenario import Scenario, read_all
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
    """Do one thing; a refusal is an answer like any other."""
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


def slots(thing: Any) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in thing.__slots__}


def picture(state: RunState) -> dict[str, Any]:
    return {**slots(state), "steps": [slots(step) for step in state.steps]}


def check_log(run: Run) -> None:
    """Events are numbered without gaps, in order of time, and only a retry follows an end."""
    assert [event.seq for event in run.log] == list(range(1, len(run.log) + 1))
    assert [event.at for event in run.log] == sorted(event.at for event in run.log)
    assert run.log[0].type is EventType.RUN_CREATED
    ends = {EventType.RUN_COMPLETED, EventType.RUN_FAILED, EventType.RUN_CANCELLED}
    for event, following in zip(run.log, run.log[1:], strict=False):
        if event.type in ends:
            assert following.type is EventType.RUN_RETRIED
    assert picture(fold(run.state.identity, run.log)) == picture(run.state)


def check_order(run: Run) -> None:
    """No step starts before everything it depends on has completed, nor outside of a running run,
    nor once a cancel was asked for."""
    state = RunState(run.state.identity)
    for event in run.log:
        if event.type in (EventType.STEP_STARTED, EventType.STEP_AWAITING_APPROVAL):
            assert event.step is not None
            assert state.status is RunStatus.RUNNING
            assert not state.cancelling
            for need in run.scenario.plans[event.step].needs:
                assert state.steps[need].status is StepStatus.COMPLETED
        state.apply(event)
        check_agreement_of_parts(state, event)


def check_agreement_of_parts(state: RunState, event: Event) -> None:
    """What holds after each single event."""
    busy = [step for step in state.steps if step.status in BUSY]
    if state.status in FINISHED and event.type is not EventType.STEP_RESET:
        assert not busy
    if state.status is RunStatus.COMPLETED:
        assert all(step.status is StepStatus.COMPLETED for step in state.steps)
    if state.status is RunStatus.FAILED:
        assert any(step.status is StepStatus.FAILED for step in state.steps)
        assert state.error is not None
    else:
        assert state.error is None


def check_state(world: World, run: Run) -> None:
    """The run's status agrees with its steps whenever the world is at rest."""
    state = run.state
    statuses = [step.status for step in state.steps]
    match state.status:
        case RunStatus.PENDING:
            assert not BUSY & set(statuses)
        case RunStatus.RUNNING:
            assert BUSY & set(statuses)
        case RunStatus.CANCELLED:
            assert not (BUSY | {StepStatus.PENDING}) & set(statuses)
        case RunStatus.FAILED:
            if world.engine.behaviour.after_failed is not AfterFailed.PENDING:
                assert StepStatus.PENDING not in statuses
    failed = {i for i, status in enumerate(statuses) if status is StepStatus.FAILED}
    for index in run.scenario.downstream(failed) - failed:
        assert statuses[index] is not StepStatus.COMPLETED
        assert statuses[index] not in BUSY


def check_times(run: Run) -> None:
    """Times are in order: the run's, each step's, and the steps' within the run's."""
    state = run.state
    created = state.identity.created
    assert (state.completed is not None) == (state.status in FINISHED)
    if state.status is RunStatus.PENDING:
        assert state.started is None
    times = [created, state.started, state.completed, state.updated]
    known = [time for time in times if time is not None]
    if state.started is None or state.started >= created:
        assert known == sorted(known)
    for step in state.steps:
        at_work = step.status in BUSY
        assert (step.started is not None) or step.completed is None
        if at_work:
            assert step.started is not None
            assert step.completed is None
        if step.started is not None and state.status is not RunStatus.PENDING:
            assert state.started is not None
            assert step.started >= state.started
        if step.completed is not None:
            assert step.started is not None
            assert step.started <= step.completed <= state.updated
        assert (step.error is not None) == (step.status is StepStatus.FAILED)


def check_world(world: World, runs: list[Run]) -> None:
    """The list shows each run once, as it is, in its order, and its counts add up."""
    page = json.loads(world.page(None, 1_000, 0))
    newest_first = world.behaviour.list_order is ListOrder.NEWEST_FIRST
    listed = runs[::-1] if newest_first else runs
    assert [item["id"] for item in page["items"]] == [run.id for run in listed]
    totals = 0
    for status in RunStatus:
        filtered = json.loads(world.page(status, 1_000, 0))
        assert {item["status"] for item in filtered["items"]} <= {status.value}
        assert filtered["total"] == len(filtered["items"])
        assert filtered["items"] == [i for i in page["items"] if i["status"] == status]
        totals += filtered["total"]
    assert totals == page["total"] == len(runs)
    for run, item in zip(listed, page["items"], strict=True):
        assert item == json.loads(world.body(run))
        assert item["status"] == run.state.status
        steps = json.loads(world.steps(run))
        for name in ("completed", "failed", "pending", "running"):
            shown = sum(step["status"] == name for step in steps["steps"])
            assert steps[f"{name}Count"] == shown


@settings(max_examples=150, deadline=None)
@given(casts, behaviours, actions)
def test_any_story_is_consistent(
    cast: list[Scenario], behaviour: Behaviour, story: list[tuple[Any, ...]]
) -> None:
    """Log, state, steps, list and times agree after whatever happens to a run."""
    world = new_world(behaviour)
    runs = [world.create(scenario) for scenario in cast]
    for action in story:
        act(world, runs, action)
        for run in runs:
            check_log(run)
            check_order(run)
            check_state(world, run)
            check_times(run)
        check_world(world, runs)


@settings(max_examples=100, deadline=None)
@given(casts, behaviours, actions)
def test_equal_seed_and_calls_tell_equal_stories(
    cast: list[Scenario], behaviour: Behaviour, story: list[tuple[Any, ...]]
) -> None:
    """The same seed and the same calls give the same bytes."""
    pages = []
    for _ in range(2):
        world = new_world(behaviour)
        runs = [world.create(scenario) for scenario in cast]
        for action in story:
            act(world, runs, action)
        pages.append([world.page(None, 100, 0), *(world.steps(run) for run in runs)])
    assert pages[0] == pages[1]


@settings(max_examples=100, deadline=None)
@given(casts, actions)
def test_how_time_is_cut_makes_no_difference(
    cast: list[Scenario], story: list[tuple[Any, ...]]
) -> None:
    """A world that catches up every 100 ms tells what one that sleeps in between tells."""
    pages = []
    for pieces in (1, 50):
        world = new_world()
        runs = [world.create(scenario) for scenario in cast]
        for action in story:
            if action[0] == "advance":
                for _ in range(pieces):
                    advance(world, action[1] * 50 // pieces)
            else:
                act(world, runs, action)
        pages.append([world.page(None, 100, 0), *(world.steps(run) for run in runs)])
    assert pages[0] == pages[1]


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


@pytest.mark.parametrize(
    ("name", "mode", "key", "again"),
    [
        ("failure-in-the-middle", RetryMode.FROM_FAILED, None, {"load"}),
        ("failure-in-the-middle", RetryMode.FROM_STEP, "load", {"load"}),
        ("failure-in-the-middle", RetryMode.FROM_STEP, "extract", {"extract", "load"}),
        ("failure-in-the-middle", RetryMode.FULL, None, {"extract", "load"}),
        ("diamond", RetryMode.FROM_STEP, "by-region", {"by-region", "report"}),
        ("diamond", RetryMode.FULL, None, {"fetch", "by-region", "by-product", "report"}),
    ],
)
def test_retry_runs_what_its_mode_says(
    name: str, mode: RetryMode, key: str | None, again: set[str]
) -> None:
    """The failed step, the named step or everything runs again, and what is behind it; the rest
    keeps its outcome."""
    world, run = finished(name)
    before, ended = world.engine.now, run.state.status
    assert world.retry(run, mode, key) is run
    assert run.state.status is RunStatus.PENDING
    advance(world, DAY)
    assert started_after(run, before) == again
    assert run.state.status is ended
    check_times(run)


def test_one_step_is_forced_and_the_rest_goes_on() -> None:
    """The step ends now, as it is told; what was due for it never comes."""
    for outcome, ended in (
        (RunStatus.COMPLETED, RunStatus.COMPLETED),
        (RunStatus.FAILED, RunStatus.FAILED),
    ):
        world = new_world()
        run = world.create(SCENARIOS["diamond"])
        advance(world, 4_000)  # "by-region" and "by-product" are at work.
        world.engine.force_step(run, 2, outcome)
        assert run.state.steps[2].status == outcome.value
        assert run.state.steps[1].status is StepStatus.RUNNING
        advance(world, DAY)
        assert run.state.status is ended


def test_a_cancelled_run_can_be_run_again() -> None:
    """Whatever was at work when it was cancelled, a full retry runs to the end."""
    world = new_world()
    run = world.create(SCENARIOS["fan-out"])
    advance(world, 5_000)
    world.cancel(run)
    world.retry(run, RetryMode.FULL, None)
    advance(world, DAY)
    assert run.state.status is RunStatus.COMPLETED


def test_a_retry_of_a_flaky_run_completes() -> None:
    """A step that fails once succeeds at its second attempt, and the run with it."""
    world, run = finished("flaky")
    assert run.state.status is RunStatus.FAILED
    world.retry(run, RetryMode.FROM_FAILED, None)
    advance(world, DAY)
    assert run.state.status is RunStatus.COMPLETED


def test_a_retry_may_make_another_run() -> None:
    """The old run stays as it was; the new one takes over completed steps and goes on."""
    world, old = finished("flaky", Behaviour(retry_identity=RetryIdentity.NEW_RUN))
    before = world.body(old), world.steps(old)
    new = world.retry(old, RetryMode.FROM_FAILED, None)
    advance(world, DAY)
    assert new.id != old.id
    assert (world.body(old), world.steps(old)) == before
    assert new.state.status is RunStatus.COMPLETED
    assert new.state.steps[0].result == old.state.steps[0].result


def test_a_run_that_a_retry_made_forgets_what_it_took_over_when_it_is_retried() -> None:
    """Retried in place, its steps do their work again: they take their time, and each is one more
    attempt."""
    world, old = finished("failure-in-the-middle", Behaviour(retry_identity=RetryIdentity.NEW_RUN))
    new = world.retry(old, RetryMode.FROM_FAILED, None)
    advance(world, DAY)
    first = new.state.steps[0]
    assert first.started == first.completed
    assert new.attempts[:2] == [1, 2]
    world.set_behaviour(Behaviour(retry_identity=RetryIdentity.SAME_RUN))
    assert world.retry(new, RetryMode.FULL, None) is new
    advance(world, DAY)
    assert first.started is not None
    assert first.completed is not None
    assert first.completed > first.started
    assert new.attempts[:2] == [2, 3]


def test_cancel_ends_everything_at_once() -> None:
    """After a cancel no step is at work and none ever starts."""
    world = new_world()
    run = world.create(SCENARIOS["fan-out"])
    advance(world, 4_000)
    world.cancel(run)
    events = len(run.log)
    advance(world, DAY)
    assert run.state.status is RunStatus.CANCELLED
    assert len(run.log) == events


def test_a_cooperative_cancel_lets_current_work_go_on_for_a_moment() -> None:
    """The run is still running at first, then cancelled; nothing new starts in between."""
    world = new_world(Behaviour(cancel_of_running=CancelOfRunning.COOPERATIVE))
    run = world.create(SCENARIOS["hang"])
    advance(world, 10_000)
    world.cancel(run)
    assert run.state.status is RunStatus.RUNNING
    world.cancel(run)  # Asking twice changes nothing.
    advance(world, CANCEL_GRACE)
    assert run.state.status is RunStatus.CANCELLED
    assert [event.type for event in run.log].count(EventType.RUN_CANCEL_REQUESTED) == 1


def test_after_a_cooperative_cancel_current_work_finishes_and_nothing_starts() -> None:
    """The step at work ends well, what depends on it never starts, and the run is over with it."""
    world = new_world(Behaviour(cancel_of_running=CancelOfRunning.COOPERATIVE))
    run = world.create(SCENARIOS["diamond"])
    advance(world, 2_500)  # "fetch" is at work from 1.0 s to 3.0 s.
    world.cancel(run)
    advance(world, 500)
    statuses = [step.status for step in run.state.steps]
    assert run.state.status is RunStatus.CANCELLED
    assert statuses == [StepStatus.COMPLETED, *[StepStatus.CANCELLED] * 3]
    check_order(run)


def test_a_decision_lets_the_run_go_on_or_fail() -> None:
    """Approved, the step does its work; refused, it fails, and what is behind it is skipped."""
    for approved, status in ((True, RunStatus.COMPLETED), (False, RunStatus.FAILED)):
        world = new_world()
        run = world.create(SCENARIOS["approval"])
        advance(world, DAY)
        assert run.state.status is RunStatus.RUNNING
        world.engine.decide(run, 1, approved)
        advance(world, DAY)
        assert run.state.status is status


@pytest.mark.parametrize(
    ("name", "call", "status"),
    [
        ("quick-success", lambda w, r: w.cancel(r), 409),
        ("hang", lambda w, r: w.retry(r, RetryMode.FULL, None), 409),
        ("quick-success", lambda w, r: w.retry(r, RetryMode.FROM_FAILED, None), 409),
        ("failure-in-the-middle", lambda w, r: w.retry(r, RetryMode.FROM_STEP, "x"), 404),
    ],
)
def test_what_contradicts_the_run_is_refused_and_changes_nothing(
    name: str, call: Any, status: int
) -> None:
    """A refusal says why, with the status the contract gives for it."""
    world, run = finished(name)
    before = world.body(run), world.steps(run), len(run.log)
    with pytest.raises(HttpError) as refusal:
        call(world, run)
    assert refusal.value.status == status
    assert (world.body(run), world.steps(run), len(run.log)) == before
