"""Which steps a retry runs again, and in which run."""

import pytest
from engine_world import DAY, SCENARIOS, advance, finished, new_world, started_after
from run_checks import check_times

from mock_server.engine.behaviour import (
    Behaviour,
    RetryIdentity,
)
from mock_server.engine.enums import RetryMode, RunStatus


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
