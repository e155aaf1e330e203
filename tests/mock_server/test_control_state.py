"""The state of a world over HTTP: exported, imported, and as a link."""

import json
from typing import Any

import httpx2
import pytest

from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
START = {"now": "2026-03-02T08:15:00Z", "seed": 7, "scale": 0, "runs": 5, "live": 3}


def reset(world: MockWorld) -> None:
    world.client.post("/_mock/reset", json=START).raise_for_status()


def state(world: MockWorld) -> bytes:
    answer = world.client.get("/_mock/state")
    assert answer.status_code == 200, answer.text
    return answer.content


def put(world: MockWorld, body: bytes) -> httpx2.Response:
    headers = {"Content-Type": "application/json"}
    return world.client.put("/_mock/state", content=body, headers=headers)


def everything(world: MockWorld) -> list[Any]:
    """What can be read of a world's runs."""
    page = world.client.get(f"{RUNS}?limit=1000")
    ids = [run["id"] for run in page.json()["items"]]
    return [page.content, *(world.client.get(f"{RUNS}/{one}/steps").content for one in ids)]


def test_the_same_calls_give_the_same_bytes(mock_world: MockWorld) -> None:
    """A document does not depend on when or how often it is asked for."""
    documents = []
    for _ in range(2):
        reset(mock_world)
        mock_world.create("fan-out")
        mock_world.advance(4)
        documents += [state(mock_world), state(mock_world)]
    assert len(set(documents)) == 1


def test_an_imported_world_is_the_exported_one(mock_world: MockWorld) -> None:
    """Whatever came in between, it is as it was and goes on as it would have."""
    reset(mock_world)
    run_id = mock_world.create("diamond")
    rule = {"status": {"code": 503}, "operations": ["cancelRun"], "count": 2}
    mock_world.client.post("/_mock/faults", json=rule).raise_for_status()
    mock_world.advance(2.5)
    document, before = state(mock_world), everything(mock_world)
    mock_world.advance(60)
    later = everything(mock_world)
    mock_world.client.delete("/_mock/faults").raise_for_status()
    mock_world.client.post("/_mock/reset").raise_for_status()

    answer = put(mock_world, document)
    assert answer.status_code == 200, answer.text
    assert answer.json()["now"] == "2026-03-02T08:15:02.500Z"
    assert state(mock_world) == document
    assert everything(mock_world) == before
    assert mock_world.client.post(f"{RUNS}/{run_id}/cancel").status_code == 503
    mock_world.advance(60)
    assert everything(mock_world) == later


def test_an_import_ends_the_streams_of_the_world_it_replaces(mock_world: MockWorld) -> None:
    """A world that is gone has no subscriber."""
    run_id = mock_world.create("hang")
    document = state(mock_world)
    with mock_world.client.stream("GET", f"{RUNS}/{run_id}/events") as stream:
        pieces = stream.iter_text()
        next(pieces)
        assert put(mock_world, document).status_code == 200
        assert "".join(pieces) is not None
    assert mock_world.run(run_id)["status"] == "pending"


@pytest.mark.parametrize(
    ("change", "loc", "part"),
    [
        ({"version": 3}, ["body", "version"], "reads documents of version 1, not 3"),
        ({"seed": -1}, ["body", "seed"], "greater than or equal to 0"),
        ({"due": [[0, 0, "start", None]]}, ["body", "due", "0", "0"], "not before the clock"),
        ({"runs": [{}]}, ["body", "runs", "0", "id"], "Field required"),
    ],
)
def test_a_document_that_is_wrong_changes_nothing(
    mock_world: MockWorld, change: dict[str, Any], loc: list[str], part: str
) -> None:
    """It is refused with the JSON path; the world and its streams go on."""
    run_id = mock_world.create("hang")
    before = state(mock_world)
    answer = put(mock_world, json.dumps(json.loads(before) | change).encode())
    assert answer.status_code == 422
    errors = {
        tuple(error_detail["loc"]): error_detail["msg"] for error_detail in answer.json()["detail"]
    }
    assert part in errors[tuple(loc)]
    assert state(mock_world) == before
    assert mock_world.run(run_id)["status"] == "pending"


def test_a_document_may_be_larger_than_other_bodies(mock_world: MockWorld) -> None:
    """Two MiB pass; beyond 64 MiB the answer says what the most is."""
    for _ in range(8):
        mock_world.create("five-hundred-steps")
    mock_world.advance(86_400)
    document = state(mock_world)
    padded = document[:-1] + b" " * (2_200_000 - len(document)) + document[-1:]
    assert put(mock_world, padded).status_code == 200
    assert state(mock_world) == document
    answer = put(mock_world, b" " * (64 * 1_048_576 + 1))
    assert answer.status_code == 413
    assert "67108864 bytes" in answer.json()["detail"]
    assert state(mock_world) == document


def link(world: MockWorld, **body: Any) -> dict[str, Any]:
    answer = world.client.post("/_mock/repro", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_link_sets_up_the_situation(mock_world: MockWorld, anonymous: httpx2.Client) -> None:
    """In a fresh world: the run as it is, with clock, faults and behaviour; the original is left
    alone, and both go on alike."""
    reset(mock_world)
    behaviour = {"behaviour": "cooperative"}
    mock_world.client.put("/_mock/behaviour", json=behaviour).raise_for_status()
    mock_world.client.post("/_mock/faults", json={"rateLimit": {"limit": 50}}).raise_for_status()
    run_id = mock_world.create("flaky")
    mock_world.advance(2)
    made = link(mock_world, runs=[run_id])
    assert len(made["link"]) < 4_000
    assert (made["runs"], made["leftOut"]) == (1, 8)

    opened = anonymous.post(made["link"])
    assert opened.status_code == 201, opened.text
    found = opened.json()
    assert [run["id"] for run in found["runs"]] == [run_id]
    assert found["curl"] == f"curl -H 'X-API-Key: {found['key']}' '{found['runs'][0]['url']}'"
    assert found["behaviour"]["Q10"] == "cooperative"
    key = {"X-API-Key": found["key"]}
    body = {"seconds": 3_600}
    for steps in (0, 1):
        if steps:
            anonymous.post("/_mock/clock/advance", json=body, headers=key).raise_for_status()
            mock_world.advance(3_600)
        there = anonymous.get(f"{RUNS}/{run_id}/steps", headers=key)
        assert there.headers["x-ratelimit-limit"] == "50"
        assert there.content == mock_world.client.get(f"{RUNS}/{run_id}/steps").content
    again = anonymous.post(made["link"]).json()
    assert again["key"] not in (found["key"], mock_world.key)


def test_looking_at_a_link_changes_nothing(mock_world: MockWorld, anonymous: httpx2.Client) -> None:
    """It reports what would be set up: as JSON, and to a browser as a page with a button."""
    run_id = mock_world.create("diamond")
    made = link(mock_world)
    before = anonymous.get("/_mock/health").json()["worlds"]
    shown = anonymous.get(made["link"]).json()
    assert (shown["opened"], shown["key"]) == (False, None)
    assert [run["id"] for run in shown["runs"]] == [run_id]
    page = anonymous.get(made["link"], headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<form method="post"' in page.text
    assert run_id in page.text
    assert anonymous.get("/_mock/health").json()["worlds"] == before
    done = anonymous.post(made["link"], headers={"Accept": "text/html"})
    assert done.status_code == 201
    assert "curl -H &#39;X-API-Key: test-repro-" in done.text


def test_a_link_without_runs_holds_the_newest_that_fit(mock_world: MockWorld) -> None:
    """As many as a link can carry; it says how many it left out."""
    mock_world.client.post("/_mock/reset", json={**START, "runs": 200}).raise_for_status()
    made = link(mock_world)
    assert 7_000 < len(made["token"]) <= 8_000
    assert 5 < made["runs"] < 200
    assert made["runs"] + made["leftOut"] == 203
    newest = mock_world.client.get(f"{RUNS}?limit=1").json()["items"][0]["id"]
    assert mock_world.client.get(made["link"]).json()["runs"][0]["id"] == newest


def test_a_link_that_would_be_too_long_is_refused(mock_world: MockWorld) -> None:
    """With what to do instead."""
    run_id = mock_world.create("five-hundred-steps")
    mock_world.advance(86_400)
    answer = mock_world.client.post("/_mock/repro", json={"runs": [run_id]})
    assert answer.status_code == 409
    assert "GET /_mock/state" in answer.json()["detail"]


def test_a_link_to_a_run_that_is_not_there_is_refused(mock_world: MockWorld) -> None:
    """By its id."""
    unknown = "00000000-0000-4000-8000-000000000000"
    answer = mock_world.client.post("/_mock/repro", json={"runs": [unknown]})
    assert answer.status_code == 404
    assert unknown in answer.json()["detail"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("damage", ["cut", "changed", "nonsense", "long"])
def test_a_damaged_link_is_refused(
    mock_world: MockWorld, anonymous: httpx2.Client, method: str, damage: str
) -> None:
    """And opens nothing."""
    mock_world.create("diamond")
    token = link(mock_world)["token"]
    word = {
        "cut": token[:-9],
        "changed": token[:90] + ("A" if token[90] != "A" else "B") + token[91:],
        "nonsense": "hello",
        "long": "A" * 8_001,
    }[damage]
    answer = anonymous.request(method, f"/_mock/repro/{word}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"] == ["path", "token"]
