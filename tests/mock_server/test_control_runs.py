"""Runs steered by hand: changed before they begin, waited for, decided, ended, arriving."""

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from raw_http import read

from mock_server.engine.clock import from_text
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"


def control(world: MockWorld, method: str, path: str, body: Any = None) -> Any:
    answer = world.client.request(method, f"/_mock{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def steps(world: MockWorld, run_id: str) -> dict[str, Any]:
    shown = world.client.get(f"{RUNS}/{run_id}/steps").json()["steps"]
    return {step["key"]: step for step in shown}


def test_a_run_fails_at_its_second_step_slowly(mock_world: MockWorld) -> None:
    """A change to one step of a scenario is one line of the request."""
    changes = {
        "index": {"outcome": "fails", "takes": "90s", "error": {"code": "x", "message": "y"}}
    }
    run = control(mock_world, "POST", "/runs", {"scenario": "quick-success", "changes": changes})
    mock_world.advance(91)
    assert mock_world.run(run["id"])["status"] == "running"
    mock_world.advance(2)
    assert mock_world.run(run["id"])["status"] == "failed"
    failed = steps(mock_world, run["id"])["index"]
    assert (failed["durationSeconds"], failed["error"]) == (90.0, {"code": "x", "message": "y"})


def test_a_scenario_can_come_with_the_request(mock_world: MockWorld) -> None:
    """As a file would hold it."""
    scenario = {
        "summary": "Mine",
        "automation": {"name": "Mine", "version": 4},
        "steps": [{"key": "one", "takes": "2s"}, {"key": "two", "dependsOn": ["one"], "repeat": 3}],
    }
    run = control(mock_world, "POST", "/runs", {"scenario": scenario})
    assert run["versionNumber"] == 4
    assert list(steps(mock_world, run["id"])) == ["one", "two-1", "two-2", "two-3"]


@pytest.mark.parametrize(
    ("body", "loc", "part"),
    [
        ({"scenario": "diamond", "changes": {"fecth": {}}}, ["body", "changes", "fecth"], "fetch"),
        (
            {"scenario": "diamond", "changes": {"fetch": {"takes": "soon"}}},
            ["body", "changes", "fetch", "takes"],
            "250ms",
        ),
        (
            {"scenario": {"summary": "x", "automation": {"name": "x"}, "step": []}},
            ["body", "scenario", "step"],
            "Extra inputs",
        ),
        (
            {
                "scenario": {
                    "summary": "x",
                    "automation": {"name": "x"},
                    "steps": [{"key": "a", "dependsOn": ["b"]}],
                }
            },
            ["body", "scenario", "steps[0].dependsOn[0]"],
            "'b' is not a step",
        ),
    ],
)
def test_a_mistake_in_a_scenario_is_named(
    mock_world: MockWorld, body: Any, loc: list[str], part: str
) -> None:
    """With its place in the request; no run is made."""
    answer = mock_world.client.post("/_mock/runs", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"] == loc
    assert part in answer.json()["detail"][0]["msg"]
    assert mock_world.client.get(RUNS).json()["total"] == 0


def test_the_clock_goes_to_the_next_event(mock_world: MockWorld) -> None:
    """And no further; with nothing due it says so and stays."""
    run_id = mock_world.create("quick-success")
    begun = control(mock_world, "GET", "/clock")["now"]
    shown = control(mock_world, "POST", "/clock/advance", {"toNext": True})
    assert shown["reached"] is True
    assert from_text(shown["now"]) - from_text(begun) == 1_000
    assert mock_world.run(run_id)["status"] == "running"
    mock_world.advance(60)
    before = control(mock_world, "GET", "/clock")["now"]
    shown = control(mock_world, "POST", "/clock/advance", {"toNext": True})
    assert (shown["reached"], shown["now"]) == (False, before)


def test_the_clock_goes_until_a_run_has_a_status(mock_world: MockWorld) -> None:
    """To that very moment, or as far as one is ready to go."""
    run_id = mock_world.create("diamond")
    until = {"run": run_id.upper(), "status": "completed"}
    shown = control(mock_world, "POST", "/clock/advance", {"until": until, "seconds": 5})
    assert shown["reached"] is False
    assert mock_world.run(run_id)["status"] == "running"
    shown = control(mock_world, "POST", "/clock/advance", {"until": until})
    assert shown["reached"] is True
    assert mock_world.run(run_id)["completedAt"] == shown["now"]


def test_a_wait_answers_when_the_run_is_there(mock_server_url: str) -> None:
    """On a running clock, without asking again and again."""
    world = MockWorld(mock_server_url, "test-wait", scale=3_000, runs=0, live=0)
    run_id = world.create("diamond")
    shown = control(world, "POST", f"/runs/{run_id}/wait", {"statuses": ["completed"]})
    assert shown["status"] == "completed"
    again = control(world, "POST", f"/runs/{run_id}/wait")
    assert again == shown
    world.close()


def test_a_wait_in_vain_ends_in_time_and_says_why(mock_world: MockWorld) -> None:
    """With what the run is instead, and a guess at the reason."""
    run_id = mock_world.create("diamond")
    answer = mock_world.client.post(f"/_mock/runs/{run_id}/wait", json={"timeoutSeconds": 0.01})
    assert answer.status_code == 409
    assert "pending after 0.01 seconds" in answer.json()["detail"]
    assert "frozen" in answer.json()["detail"]


def waiting(world: MockWorld, run_id: str) -> socket.socket:
    """A connection on which that run is waited for."""
    address = urlsplit(world.base_url)
    connection = socket.create_connection((address.hostname, address.port), timeout=20)
    head = f"Host: {address.netloc}\r\nX-API-Key: {world.key}\r\n"
    connection.sendall(f"GET /_mock/health HTTP/1.1\r\n{head}\r\n".encode())
    assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
    request = f"POST /_mock/runs/{run_id}/wait HTTP/1.1\r\n{head}Connection: close\r\n\r\n"
    connection.sendall(request.encode())
    for _ in range(3):
        # What came before on an open connection is under way when these are answered.
        world.control("health", "GET")
    return connection


def test_a_wait_ends_with_its_world(mock_world: MockWorld) -> None:
    """At once, and says so."""
    run_id = mock_world.create("diamond")
    with waiting(mock_world, run_id) as connection:
        mock_world.control("reset")
        text = read(connection)
    assert text.startswith(b"HTTP/1.1 409 ")
    assert b"was reset" in text


def test_a_wait_ends_with_the_mock() -> None:
    """At once, and says so."""
    with serving() as url:
        world = MockWorld(url, "test-wait", scale=0, runs=0, live=0)
        connection = waiting(world, world.create("diamond"))
        world.close()
    with connection:
        text = read(connection)
    assert text.startswith(b"HTTP/1.1 503 ")
    assert b"is stopping" in text


@pytest.mark.parametrize("outcome", ["completed", "failed", "cancelled"])
@pytest.mark.parametrize("after", [0, 4, 7])
def test_a_run_is_ended_as_one_likes(mock_world: MockWorld, outcome: str, after: int) -> None:
    """Waiting or at work, with its steps in agreement."""
    run_id = mock_world.create("diamond")
    mock_world.advance(after)
    assert (
        control(mock_world, "POST", f"/runs/{run_id}/outcome", {"outcome": outcome})["status"]
        == outcome
    )
    found = {step["status"] for step in steps(mock_world, run_id).values()}
    assert not found & {"pending", "running"}
    again = mock_world.client.post(f"/_mock/runs/{run_id}/outcome", json={"outcome": outcome})
    assert again.status_code == 409


@pytest.mark.parametrize("outcome", ["completed", "cancelled"])
def test_only_a_failure_has_an_error(mock_world: MockWorld, outcome: str) -> None:
    """With another outcome it is refused, and the run goes on."""
    run_id = mock_world.create("diamond")
    given = {"outcome": outcome, "error": {"code": "x"}}
    answer = mock_world.client.post(f"/_mock/runs/{run_id}/outcome", json=given)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "error"]
    assert mock_world.run(run_id)["status"] == "pending"


def test_one_step_is_ended_as_one_likes(mock_world: MockWorld) -> None:
    """The named step fails with the given error, the other goes on."""
    run_id = mock_world.create("diamond")
    mock_world.advance(4)
    body = {"outcome": "failed", "step": "by-region", "error": {"code": "mine"}}
    control(mock_world, "POST", f"/runs/{run_id}/outcome", body)
    found = steps(mock_world, run_id)
    assert found["by-region"]["error"] == {"code": "mine"}
    assert found["by-product"]["status"] == "running"
    body["step"] = "report"
    answer = mock_world.client.post(f"/_mock/runs/{run_id}/outcome", json=body)
    assert answer.status_code == 409
    assert "'report' is skipped" in answer.json()["detail"]


@pytest.mark.parametrize(("approved", "status"), [(True, "completed"), (False, "failed")])
def test_a_decision_is_made(mock_world: MockWorld, approved: bool, status: str) -> None:
    """The step that awaits one is found by itself."""
    run_id = mock_world.create("approval")
    early = mock_world.client.post(f"/_mock/runs/{run_id}/decision", json={"approved": approved})
    assert early.status_code == 409
    mock_world.advance(60)
    control(mock_world, "POST", f"/runs/{run_id}/decision", {"approved": approved})
    mock_world.advance(60)
    assert mock_world.run(run_id)["status"] == status


def test_runs_arrive_by_themselves(mock_world: MockWorld) -> None:
    """At the rate asked for, of the scenarios asked for, until they are stopped."""
    mix = {"quick-success": 1, "diamond": 3}
    shown = control(mock_world, "PUT", "/arrivals", {"perMinute": 30, "scenarios": mix})
    assert shown == {"perMinute": 30.0, "scenarios": mix}
    mock_world.advance(600)
    page = mock_world.client.get(f"{RUNS}?limit=1000").json()
    assert 230 <= page["total"] <= 370
    created = [from_text(run["createdAt"]) for run in page["items"]]
    assert created == sorted(created, reverse=True)
    assert max(created) - min(created) > 500_000
    control(mock_world, "DELETE", "/arrivals")
    mock_world.advance(600)
    assert mock_world.client.get(RUNS).json()["total"] == page["total"]


def test_a_world_opens_with_the_start_and_behaviour_given(mock_world: MockWorld) -> None:
    """By name, or answer by answer."""
    given = {"start": "edge-cases", "behaviour": "cooperative", "scale": 0}
    assert control(mock_world, "POST", "/reset", given)["runs"] >= 33
    assert control(mock_world, "GET", "/behaviour")["answers"]["Q10"] == "cooperative"
    control(mock_world, "POST", "/reset", {"behaviour": {"Q22": "accepted"}, "runs": 0})
    answers = control(mock_world, "GET", "/behaviour")["answers"]
    assert (answers["Q10"], answers["Q22"]) == ("at_once", "accepted")


@pytest.mark.parametrize(
    ("path", "body", "status", "part"),
    [
        ("/reset", {"start": "demmo"}, 404, "edge-cases"),
        ("/reset", {"behaviour": "strict"}, 404, "problem-details"),
        ("/reset", {"behaviour": {"Q10": "later"}}, 422, "cooperative"),
        ("/reset", {"behaviour": {"Q99": "x"}}, 422, "Q99"),
        ("/clock/advance", {}, 422, "seconds"),
        ("/runs/497f6eca-6276-4993-bfeb-53cbbbba6f08/wait", {}, 404, "does not have this run"),
        ("/runs/x/wait", {}, 422, "UUID"),
    ],
)
def test_a_mistake_is_explained(
    mock_world: MockWorld, path: str, body: Any, status: int, part: str
) -> None:
    """By what there is to choose from."""
    answer = mock_world.client.post(f"/_mock{path}", json=body)
    assert answer.status_code == status, answer.text
    assert part in answer.text
