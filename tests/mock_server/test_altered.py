"""Responses and events that another version of the service might send."""

import json
from typing import Any

import pytest

from mock_server.testing import RUNS, MockWorld


def alter(world: MockWorld, **fields: str) -> None:
    world.control("faults", altered=fields)


def events(world: MockWorld, run_id: str) -> list[tuple[str, dict[str, Any]]]:
    """The type of each event and its data."""
    text = world.client.get(f"{RUNS}/{run_id}/events").text
    blocks = [block.split("\n") for block in text.split("\n\n") if block]
    fields = [dict(line.split(": ", 1) for line in lines) for lines in blocks]
    return [(one["event"], json.loads(one["data"])) for one in fields]


def test_every_object_gets_another_field(mock_world: MockWorld) -> None:
    """The rest stays as it is, and Content-Length fits."""
    run_id = mock_world.create("quick-success")
    before = mock_world.run(run_id)
    alter(mock_world)
    run = mock_world.run(run_id)
    assert run.pop("addedLater") == {"unknown": [1, "two", None]}
    assert run == before
    assert "addedLater" in mock_world.steps(run_id)[0]


def test_fields_are_left_out_and_emptied(mock_world: MockWorld) -> None:
    run_id = mock_world.create("quick-success")
    before = mock_world.run(run_id)
    alter(mock_world, absent="triggerType/error", empty="versionNumber")
    assert mock_world.run(run_id) == {
        name: None if name == "versionNumber" else value
        for name, value in before.items()
        if name not in {"triggerType", "error"}
    }


def test_values_are_replaced_in_events_too(mock_world: MockWorld) -> None:
    """The type of an event stands in two places; a string that only contains the value stays."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    alter(mock_world, values="step.started:step.progressed/completed:archived")
    found = events(mock_world, run_id)
    assert [name for name, _ in found].count("step.progressed") == 3
    assert all(name == data["event"] for name, data in found)
    name, data = found[-1]
    assert (name, data["data"]["run"]["status"]) == ("run.completed", "archived")
    assert mock_world.run(run_id)["status"] == "archived"


def test_an_error_response_is_altered_too(mock_world: MockWorld) -> None:
    mock_world.control("faults", status={"code": 503}, altered={})
    body = mock_world.client.get(RUNS).json()
    assert body == {
        "detail": "Service Unavailable",
        "addedLater": {"unknown": [1, "two", None]},
    }


@pytest.mark.parametrize("values", ["running", "running:", ":paused", "a:b/c"])
def test_a_value_without_its_replacement(mock_world: MockWorld, values: str) -> None:
    with pytest.raises(ValueError, match="expected OLD:NEW pairs separated by slashes, got"):
        alter(mock_world, values=values)
