"""A client's tests: each has a world of its own, and moves its time by hand."""

from collections.abc import Callable

import httpx2
import pytest
from runs_client import RunsClient

from mock_server.testing import MockWorld

Worlds = Callable[..., MockWorld]
Connect = Callable[[MockWorld], RunsClient]


def test_a_run_is_seen_at_every_stage(runs: RunsClient, mock_world: MockWorld) -> None:
    """Time stands still between two lines, so nothing has to be waited for."""
    run_id = mock_world.create("quick-success")
    assert runs.get(run_id)["status"] == "pending"
    mock_world.advance(1.5)
    assert runs.get(run_id)["status"] == "running"
    mock_world.advance(10)
    assert runs.get(run_id)["status"] == "completed"
    assert runs.get(run_id)["durationSeconds"] == 3


def test_a_retry_completes(runs: RunsClient, mock_world: MockWorld) -> None:
    """The scenario `flaky` fails at its first attempt."""
    run_id = mock_world.create("flaky")
    mock_world.advance(60)
    assert [run["id"] for run in runs.list("failed")] == [run_id]
    assert runs.retry(run_id)["status"] == "pending"
    mock_world.advance(60)
    assert runs.get(run_id)["status"] == "completed"


def test_a_run_is_followed_while_it_lives(runs: RunsClient, mock_world: MockWorld) -> None:
    """The stream is read up to now; then time moves on, and so does the stream."""
    run_id = mock_world.create("quick-success")
    events = runs.follow(run_id)
    assert next(events) == "run.created"
    mock_world.advance(1)
    assert [next(events), next(events)] == ["run.started", "step.started"]
    mock_world.advance(60)
    assert list(events)[-1] == "run.completed"


def test_what_has_finished_cannot_be_cancelled(runs: RunsClient, mock_world: MockWorld) -> None:
    """The client passes the error response on."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    with pytest.raises(httpx2.HTTPStatusError, match="409"):
        runs.cancel(run_id)


def test_a_retry_is_sent_once(runs: RunsClient, mock_world: MockWorld) -> None:
    """The requests of the client are verified as well."""
    run_id = mock_world.create("flaky")
    mock_world.advance(60)
    runs.retry(run_id)
    mock_world.verify(method="POST", operation="retryRun", count=1)
    mock_world.verify(operation="cancelRun", count=0)


def test_an_outage_is_waited_out(runs: RunsClient, mock_world: MockWorld) -> None:
    """The next request fails, and the client sends it again."""
    mock_world.control("faults", status={"code": 503}, count=1)
    assert runs.list() == []
    mock_world.verify(operation="listRuns", count=2)


def test_a_long_outage_is_passed_on(runs: RunsClient, mock_world: MockWorld) -> None:
    """After some attempts the client gives up."""
    mock_world.control("faults", status={"code": 503})
    with pytest.raises(httpx2.HTTPStatusError, match="503"):
        runs.list()


@pytest.mark.mock_world(now="2026-03-02T08:15:00Z", seed=7)
def test_a_seed_gives_the_same_run(runs: RunsClient, mock_world: MockWorld) -> None:
    """With its time and seed given, all of a world is the same at every start."""
    run_id = mock_world.create("quick-success")
    assert runs.get(run_id)["createdAt"] == "2026-03-02T08:15:00.000Z"


@pytest.mark.mock_world(start="demo", runs=25)
def test_a_world_with_a_past(runs: RunsClient) -> None:
    """A list has something to show."""
    assert len(runs.list()) > 25


def test_tenants_are_apart(mock_worlds: Worlds, connect: Connect) -> None:
    """What one of them has, the other has not."""
    ours, theirs = mock_worlds(), mock_worlds()
    run_id = ours.create("diamond")
    assert connect(ours).get(run_id)["id"] == run_id
    assert connect(theirs).list() == []
    with pytest.raises(httpx2.HTTPStatusError, match="404"):
        connect(theirs).get(run_id)


@pytest.mark.mock_world(scale=1_000)
def test_time_may_also_pass(runs: RunsClient, mock_world: MockWorld) -> None:
    """A thousand times faster than real: the stream ends when the run does."""
    run_id = mock_world.create("quick-success")
    assert list(runs.follow(run_id))[-1] == "run.completed"
