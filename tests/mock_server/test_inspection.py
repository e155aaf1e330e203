"""Runs, scenarios and questions for tools: the data of the contract without its side effects."""

from typing import Any

import pytest

from mock_server.testing import MockWorld


def test_the_overviews_are_the_runs_of_the_contract(mock_world: MockWorld) -> None:
    """Newest first, a page at a time, with the times of the steps and the counts by status."""
    first, second = mock_world.create("diamond"), mock_world.create("failure-in-the-middle")
    mock_world.advance(60)
    page = mock_world.control("runs?limit=1", "GET")
    assert page["total"] == 2
    assert page["counts"] == {
        "pending": 0,
        "running": 0,
        "completed": 1,
        "failed": 1,
        "cancelled": 0,
    }
    [newest] = page["items"]
    assert newest["run"] == mock_world.run(second)
    assert (newest["scenario"], newest["stepCount"]) == ("failure-in-the-middle", 4)
    steps = mock_world.steps(second)
    assert newest["bars"] == [
        {key: step[key] for key in ("status", "startedAt", "completedAt")} for step in steps
    ]
    [oldest] = mock_world.control("runs?offset=1", "GET")["items"]
    assert oldest["run"]["id"] == first


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=failed", ["failure-in-the-middle"]),
        ("status=pending", []),
        ("search=diamond", ["diamond"]),
        ("search=REVENUE%20weekly", ["diamond"]),
        ("search=weekly%20nothing", []),
        ("limit=0", []),
    ],
)
def test_overviews_are_filtered(mock_world: MockWorld, query: str, found: list[str]) -> None:
    """By status and by words, in any case and order."""
    mock_world.create("diamond")
    mock_world.create("failure-in-the-middle")
    mock_world.advance(60)
    items = mock_world.control(f"runs?{query}", "GET")["items"]
    assert [item["scenario"] for item in items] == found


def test_an_inspected_run_has_its_log_and_its_scenario(mock_world: MockWorld) -> None:
    """The log has every event of the stream; the scenario creates an equal run."""
    run_id = mock_world.create("flaky")
    mock_world.advance(60)
    found = mock_world.control(f"runs/{run_id}", "GET")
    assert found["run"] == mock_world.run(run_id)
    assert found["steps"]["steps"] == mock_world.steps(run_id)
    events = [(str(one["id"]), one["event"]) for one in found["log"]]
    assert events[0] == ("1", "run.created")
    assert events == [(one["id"], one["event"]) for one in _stream(mock_world, run_id)]
    assert sum(found["attempts"].values()) > 0
    copy = mock_world.control("runs", scenario=found["definition"])
    mock_world.advance(60)
    again = mock_world.control(f"runs/{copy['id']}", "GET")
    assert again["definition"] == found["definition"]
    assert [one["event"] for one in again["log"]] == [one["event"] for one in found["log"]]


def test_inspection_leaves_no_trace(mock_world: MockWorld) -> None:
    """Not in the journal, not in the coverage; and faults of the world do not apply."""
    run_id = mock_world.create("diamond")
    before = mock_world.control("coverage", "GET")["seen"]
    mock_world.control("faults", status={"code": 503})
    assert mock_world.control("runs", "GET")["total"] == 1
    assert mock_world.control(f"runs/{run_id}", "GET")["run"]["id"] == run_id
    assert mock_world.control("requests", "GET")["total"] == 0
    assert mock_world.control("coverage", "GET")["seen"] == before
    assert mock_world.control("faults", "GET")["items"][0]["applied"] == 0


def test_an_unknown_run_or_scenario_is_a_404(mock_world: MockWorld) -> None:
    """The detail names the world, or a similar scenario."""
    missing = mock_world.client.get("/_mock/runs/00000000-0000-4000-8000-000000000000")
    assert missing.status_code == 404
    assert mock_world.key in missing.json()["detail"]
    similar = mock_world.client.get("/_mock/scenarios/diamnd")
    assert similar.status_code == 404
    assert "Did you mean 'diamond'?" in similar.json()["detail"]


def test_every_scenario_has_a_graph_and_a_definition(mock_world: MockWorld) -> None:
    """The list has the dependencies as indexes, the definition has them as keys."""
    for one in mock_world.control("scenarios", "GET")["items"]:
        steps = mock_world.control(f"scenarios/{one['name']}", "GET")["definition"]["steps"]
        assert [step["key"] for step in steps] == one["stepKeys"]
        graph = [[one["stepKeys"][need] for need in needs] for needs in one["dependsOn"]]
        assert [step["dependsOn"] for step in steps] == graph


def test_the_questions_explain_every_answer_in_force(mock_world: MockWorld) -> None:
    """The default answer is the first; each profile answers each question."""
    library = mock_world.control("questions", "GET")
    in_force = mock_world.control("behaviour", "GET")["answers"]
    assert [one["number"] for one in library["questions"]] == list(in_force)
    for question in library["questions"]:
        assert in_force[question["number"]] == next(iter(question["answers"]))
        for profile in library["profiles"]:
            assert profile["answers"][question["number"]] in question["answers"]


def _stream(world: MockWorld, run_id: str) -> list[dict[str, Any]]:
    """Return the fields of each event in the stream of a finished run."""
    text = world.client.get(f"/api/v1/automation-runs/{run_id}/events").text
    blocks = [block for block in text.split("\n\n") if "data: " in block]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
