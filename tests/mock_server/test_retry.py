"""Which steps a retry runs again, and in which run."""

import pytest
from engine_world import DAY, SCENARIOS, advance, finished, new_world, started_after
from run_checks import check_times

from mock_server.engine.behaviour import (
    Behaviour,
    RetryIdentity,
)
from mock_server.engine.enums import RetryMode, RunStatus
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"


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


def test_attempts_can_be_distinguished(mock_world: MockWorld) -> None:
    """Read three times: the times and the job are those of the current attempt, without the time in
    between, and the steps that were kept have those of their own."""
    run_id = mock_world.create("flaky")
    mock_world.advance(60)
    first = mock_world.run(run_id)
    assert first["status"] == "failed"
    mock_world.advance(3_600)
    mock_world.client.post(f"{RUNS}/{run_id}/retry", json={}).raise_for_status()

    waiting = mock_world.run(run_id)
    fields = ("startedAt", "completedAt", "durationSeconds", "error", "externalJobId")
    assert (waiting["status"], [waiting[one] for one in fields]) == ("pending", [None] * 5)
    mock_world.advance(60)
    second = mock_world.run(run_id)
    assert (second["status"], second["id"]) == ("completed", first["id"])
    assert first["completedAt"] < second["startedAt"] < second["completedAt"]
    assert second["durationSeconds"] < 60
    assert second["externalJobId"] not in (None, first["externalJobId"])
    kept, *again = mock_world.steps(run_id)
    assert first["startedAt"] <= kept["startedAt"] < first["completedAt"]
    assert all(step["startedAt"] >= second["startedAt"] for step in again)


def test_a_retry_that_is_cancelled_before_it_starts_has_no_start(mock_world: MockWorld) -> None:
    """As any run that never started; the steps that were kept stay as they are."""
    run_id = mock_world.create("flaky")
    mock_world.advance(60)
    mock_world.client.post(f"{RUNS}/{run_id}/retry", json={}).raise_for_status()
    mock_world.client.post(f"{RUNS}/{run_id}/cancel").raise_for_status()
    run = mock_world.run(run_id)
    assert (run["status"], run["startedAt"], run["durationSeconds"]) == ("cancelled", None, None)
    assert mock_world.steps(run_id)[0]["startedAt"] is not None
