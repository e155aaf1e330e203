"""Cancel, decide and force: what each does to a run, and when it is an error."""

from typing import Any

import pytest
from engine_world import DAY, SCENARIOS, advance, finished, new_world
from run_checks import check_order

from mock_server.engine.behaviour import (
    Behaviour,
    CancelOfRunning,
    RetryIdentity,
    RetryOfUnfailed,
)
from mock_server.engine.enums import EventType, RetryMode, RunStatus, StepStatus
from mock_server.engine.lifecycle import CANCEL_GRACE
from mock_server.errors import HttpError


def test_a_run_that_keeps_all_its_steps_cannot_be_forced_to_fail() -> None:
    """A retry from the failed step of a run without one leaves nothing that could fail."""
    behaviour = Behaviour(
        retry_identity=RetryIdentity.SAME_RUN, retry_of_unfailed=RetryOfUnfailed.ALWAYS
    )
    world, run = finished("quick-success", behaviour)
    world.retry(run, RetryMode.FROM_FAILED, None)
    with pytest.raises(HttpError, match="no step that could fail"):
        world.engine.force(run, RunStatus.FAILED)
    assert run.state.status is RunStatus.PENDING
    world.engine.force(run, RunStatus.COMPLETED)
    assert run.state.status is RunStatus.COMPLETED


def test_one_step_is_forced_and_the_rest_goes_on() -> None:
    """The step ends now, as it is reported; what was due for it never comes."""
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
    """A rejection says why, with the status the contract gives for it."""
    world, run = finished(name)
    before = world.body(run), world.steps(run), len(run.log)
    with pytest.raises(HttpError) as rejection:
        call(world, run)
    assert rejection.value.status == status
    assert (world.body(run), world.steps(run), len(run.log)) == before
