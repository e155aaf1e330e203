"""Which parts of the contract a client has met, as a client's tests would ask."""

from typing import Any

import httpx2
import pytest

from mock_server.engine.enums import EventType, RetryMode, RunStatus, StepStatus
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"


def coverage(world: MockWorld) -> dict[str, Any]:
    answer = world.client.get("/_mock/coverage")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def operation(world: MockWorld, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        one for one in coverage(world)["operations"] if one["operation"] == name
    )
    return found


def words(world: MockWorld, way: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in coverage(world)[way] if one["name"] == name)
    return found


def parts(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """Every part of a report."""
    per_operation = [one[key] for one in shown["operations"] for key in ("statuses", "parameters")]
    return [
        *per_operation,
        *shown["sent"],
        *shown["received"],
        shown["events"],
        shown["credentials"],
    ]


def test_a_fresh_world_has_met_nothing_and_lists_everything(mock_world: MockWorld) -> None:
    """Six operations, every declared status, parameter and word is missing."""
    shown = coverage(mock_world)
    assert (shown["world"], shown["seen"]) == (mock_world.key, 0)
    assert len(shown["operations"]) == 6
    assert all(part["seen"] == [] for part in parts(shown))
    assert shown["of"] == sum(len(part["missing"]) for part in parts(shown))
    assert operation(mock_world, "listRuns")["parameters"]["missing"] == [
        "status",
        "limit",
        "offset",
    ]
    assert words(mock_world, "received", "Run.status")["missing"] == list(RunStatus)
    assert words(mock_world, "received", "Step.status")["missing"] == list(StepStatus)
    assert shown["events"]["missing"] == list(EventType)


def test_statuses_are_counted_by_operation(mock_world: MockWorld) -> None:
    """Those that came, those that are missing, those that the contract does not declare."""
    for path in ("", "?limit=x", f"/{ID}", f"/{ID}"):
        mock_world.client.get(f"{RUNS}{path}")
    listed, read = (operation(mock_world, name) for name in ("listRuns", "getRun"))
    assert (listed["requests"], read["requests"]) == (2, 2)
    assert listed["statuses"]["seen"] == ["200", "422"]
    assert read["statuses"]["seen"] == ["404"]
    assert "200" in read["statuses"]["missing"]
    assert read["parameters"]["seen"] == ["run_id"]


def test_parameters_count_when_they_are_sent(mock_world: MockWorld) -> None:
    """Not when their default is used; a header and the properties of a body are parameters too."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    mock_world.client.get(f"{RUNS}?limit=100")
    mock_world.client.post(f"{RUNS}/{run_id}/retry")
    assert operation(mock_world, "listRuns")["parameters"]["seen"] == ["limit"]
    assert operation(mock_world, "retryRun")["parameters"]["seen"] == ["run_id"]
    mock_world.advance(60)
    mock_world.client.get(f"{RUNS}/{run_id}/events", headers={"Last-Event-ID": "1"})
    mock_world.client.post(f"{RUNS}/{run_id}/retry", json={"mode": "full", "stepKey": None})
    assert "Last-Event-ID" in operation(mock_world, "streamRunEvents")["parameters"]["seen"]
    assert operation(mock_world, "retryRun")["parameters"]["missing"] == []


def test_words_that_are_sent(mock_world: MockWorld) -> None:
    """The filter's statuses and the modes of retry, the default one too where it was meant."""
    run_id = mock_world.create("quick-success")
    mock_world.client.get(f"{RUNS}?status=failed")
    mock_world.client.get(f"{RUNS}?status=done")
    assert words(mock_world, "sent", "listRuns.status")["seen"] == ["failed"]
    assert words(mock_world, "sent", "retryRun.mode")["missing"] == list(RetryMode)
    mock_world.client.post(f"{RUNS}/{run_id}/retry")
    mock_world.client.post(f"{RUNS}/{run_id}/retry", json={"mode": "full"})
    assert words(mock_world, "sent", "retryRun.mode")["missing"] == ["from_step"]


def test_words_that_are_received(mock_world: MockWorld) -> None:
    """Of runs and steps, as they were when a client read them: nothing is met unread."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    mock_world.client.post("/_mock/clock/advance", json={"seconds": 1})
    assert words(mock_world, "received", "Run.status")["seen"] == []
    mock_world.client.get(RUNS)
    assert words(mock_world, "received", "Run.status")["seen"] == ["completed"]
    assert words(mock_world, "received", "Run.triggerType")["seen"] != []
    assert words(mock_world, "received", "Step.status")["seen"] == []
    mock_world.client.get(f"{RUNS}/{run_id}/steps")
    assert words(mock_world, "received", "Step.status")["seen"] == ["completed"]


def test_events_that_are_received(mock_world: MockWorld) -> None:
    """Their types, and the words of the runs and steps that they show."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    mock_world.client.get(f"{RUNS}/{run_id}/events")
    assert coverage(mock_world)["events"]["seen"] == [
        "run.created",
        "run.started",
        "run.completed",
        "step.started",
        "step.completed",
    ]
    assert words(mock_world, "received", "Run.status")["seen"] == [
        "pending",
        "running",
        "completed",
    ]


def test_credentials_that_were_used(mock_world: MockWorld, anonymous: httpx2.Client) -> None:
    """Each scheme of the contract."""
    anonymous.get(RUNS, headers={"Cookie": f"vai_token={mock_world.key}"})
    assert coverage(mock_world)["credentials"] == {
        "seen": ["sessionCookie"],
        "missing": ["bearer", "apiKey"],
    }
    mock_world.client.get(RUNS)
    anonymous.get(RUNS, headers={"Authorization": f"Bearer {mock_world.key}"})
    assert coverage(mock_world)["credentials"]["missing"] == []


@pytest.mark.parametrize("way", ["delete", "reset"])
def test_it_begins_again(mock_world: MockWorld, way: str) -> None:
    """When it is deleted and when the world is reset; what is read again is met again."""
    mock_world.create("quick-success")
    mock_world.client.get(RUNS)
    assert coverage(mock_world)["seen"] > 0
    if way == "delete":
        answer = mock_world.client.delete("/_mock/coverage")
        assert (answer.status_code, answer.content) == (204, b"")
    else:
        mock_world.client.post("/_mock/reset", json={"runs": 0, "live": 0})
        mock_world.create("quick-success")
    assert coverage(mock_world)["seen"] == 0
    mock_world.client.get(RUNS)
    assert words(mock_world, "received", "Run.status")["seen"] == ["pending"]


def test_worlds_are_covered_apart(mock_world: MockWorld, anonymous: httpx2.Client) -> None:
    """What one client meets is nothing to another."""
    anonymous.get(RUNS, headers={"X-API-Key": f"{mock_world.key}-other"})
    assert coverage(mock_world)["seen"] == 0
