"""The control API: worlds, clocks, runs to order."""

from typing import Any

import httpx2
import pytest

from mock_server.engine.clock import from_text
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"


def post(world: MockWorld, path: str, body: Any = None) -> dict[str, Any]:
    answer = world.client.post(f"/_mock{path}", json=body)
    assert answer.is_success, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def clock(world: MockWorld) -> dict[str, Any]:
    shown: dict[str, Any] = world.client.get("/_mock/clock").json()
    return shown


def test_advance_answers_when_everything_has_happened(mock_world: MockWorld) -> None:
    """The very next request sees the end of it."""
    run_id = mock_world.create("quick-success")
    before = from_text(clock(mock_world)["now"])
    shown = post(mock_world, "/clock/advance", {"seconds": 3.5})
    assert from_text(shown["now"]) - before == 3_500
    assert mock_world.run(run_id)["status"] == "running"
    assert from_text(shown["nextDueAt"]) - before == 4_000
    post(mock_world, "/clock/advance", {"seconds": 0.5})
    assert mock_world.run(run_id)["status"] == "completed"


def test_a_clock_is_frozen_resumed_and_scaled(mock_world: MockWorld) -> None:
    """Each answer shows the clock as it is then."""
    assert clock(mock_world)["frozen"] is True
    assert post(mock_world, "/clock/scale", {"scale": 0.5})["frozen"] is True
    shown = post(mock_world, "/clock/resume")
    assert (shown["frozen"], shown["scale"]) == (False, 0.5)
    stopped = post(mock_world, "/clock/freeze")
    assert stopped["frozen"] is True
    assert clock(mock_world)["now"] == stopped["now"]


def test_a_reset_begins_as_it_is_told(mock_world: MockWorld) -> None:
    """Time, seed, and how much there is; the same telling gives the same bytes."""
    told = {"now": "2026-03-02T08:15:00Z", "seed": 7, "runs": 20, "live": 2, "scale": 0}
    shown = post(mock_world, "/reset", told)
    assert shown["now"] == "2026-03-02T08:15:00.000Z"
    assert (shown["seed"], shown["runs"]) == (7, 22)
    first = mock_world.client.get(f"{RUNS}?limit=1000").content
    post(mock_world, "/reset", told)
    assert mock_world.client.get(f"{RUNS}?limit=1000").content == first


def test_a_reset_without_a_body_opens_the_world_anew(mock_world: MockWorld) -> None:
    """With what the mock was started with."""
    assert post(mock_world, "/reset")["runs"] > 60


def test_a_created_run_says_where_it_is(mock_world: MockWorld) -> None:
    """The run itself, and its location."""
    answer = mock_world.client.post("/_mock/runs", json={"scenario": "diamond"})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{RUNS}/{answer.json()['id']}"
    assert mock_world.client.get(answer.headers["location"]).json() == answer.json()


def test_every_listed_scenario_can_be_created(mock_world: MockWorld) -> None:
    """What is listed works."""
    listed = mock_world.client.get("/_mock/scenarios").json()["items"]
    assert len(listed) >= 12
    for scenario in listed:
        run_id = mock_world.create(scenario["name"])
        steps = mock_world.client.get(f"{RUNS}/{run_id}/steps").json()["steps"]
        assert len(steps) == scenario["steps"]


@pytest.mark.parametrize("way", ["parameter", "key", "default"])
def test_the_world_is_named_by_parameter_credential_or_default(
    mock_world: MockWorld, anonymous: httpx2.Client, way: str
) -> None:
    """In that order."""
    query = {"world": mock_world.key} if way == "parameter" else {}
    headers = {
        "parameter": {"X-API-Key": "demo"},
        "key": {"X-API-Key": f"{mock_world.key}:alice"},
        "default": {},
    }[way]
    answer = anonymous.get("/_mock/clock", params=query, headers=headers)
    assert answer.json()["world"] == ("demo" if way == "default" else mock_world.key)


def test_health_counts_what_is_open(mock_world: MockWorld) -> None:
    """Worlds and streams."""
    run_id = mock_world.create("hang")
    before = mock_world.client.get("/_mock/health").json()
    with mock_world.client.stream("GET", f"{RUNS}/{run_id}/events") as answer:
        pieces = answer.iter_text()
        next(pieces)
        during = mock_world.client.get("/_mock/health").json()
    assert before["status"] == "ok"
    assert during["streams"] == before["streams"] + 1
    names = [world["name"] for world in mock_world.client.get("/_mock/worlds").json()["items"]]
    assert mock_world.key in names
    assert before["worlds"] == len(names)


@pytest.mark.parametrize(
    ("path", "body", "status", "part"),
    [
        ("/runs", {"scenario": "dimond"}, 404, "diamond"),
        ("/runs", {}, 422, "scenario"),
        ("/runs", None, 422, "body"),
        ("/runs", {"scenario": "diamond", "when": "now"}, 422, "when"),
        ("/runs?world=nobody", {"scenario": "diamond"}, 404, "test-"),
        ("/runs?world=No%20Body", {"scenario": "diamond"}, 422, "pattern"),
        ("/clock/advance", {"seconds": -1}, 422, "greater than or equal to 0"),
        ("/clock/advance", {"seconds": 1e9}, 422, "less than or equal to 2678400"),
        ("/clock/advance", {"seconds": "5"}, 422, "valid number"),
        ("/clock/scale", {"scale": 0}, 422, "greater than or equal to 0.001"),
        ("/reset", {"now": "2026-03-02T08:15:00"}, 422, "datetime"),
        ("/reset", {"now": "1969-03-02T08:15:00Z"}, 422, "1970"),
        ("/reset", {"runs": 10_001}, 422, "10000"),
        ("/reset", {"seed": 1.5}, 422, "integer"),
    ],
)
def test_a_mistake_is_explained(
    mock_world: MockWorld, path: str, body: Any, status: int, part: str
) -> None:
    """By what is wrong, and where there is a choice, by what there is; nothing happens."""
    mock_world.create("hang")
    before = mock_world.client.get(RUNS).content, clock(mock_world)
    answer = mock_world.client.post(f"/_mock{path}", json=body)
    assert answer.status_code == status, answer.text
    assert part in answer.text
    assert (mock_world.client.get(RUNS).content, clock(mock_world)) == before


def test_a_credential_that_opens_no_world_is_told_so_and_not_repeated(
    anonymous: httpx2.Client,
) -> None:
    """A mistyped key does not end up in another world."""
    answer = anonymous.post("/_mock/reset", headers={"X-API-Key": "dmeo"})
    assert answer.status_code == 404
    assert "no world that this credential opens" in answer.json()["detail"]
    assert "dmeo" not in answer.text
