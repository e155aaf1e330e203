"""What is bounded says so at the bound, and what to do."""

from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from mock_server.testing import MockWorld, serving
from mock_server.worlds import world as worlds
from mock_server.worlds.worlds import Settings

RUNS = "/api/v1/automation-runs"


def test_streams_beyond_the_bound_are_refused_until_one_ends() -> None:
    """As a limit that the contract knows: 429, and when to come again."""
    with serving(Settings(most_streams=2)) as url:
        world = MockWorld(url, "test-bound", scale=0, runs=0, live=0)
        run_id = world.create("hang")
        path = f"{RUNS}/{run_id}/events"
        with ExitStack() as stack:
            readers = []
            for _ in range(2):
                answer = stack.enter_context(world.client.stream("GET", path))
                readers.append(answer.iter_text())
                next(readers[-1])
            refused = world.client.get(path)
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) > 0
            assert "close some" in refused.json()["detail"]
            world.client.post("/_mock/reset", json={"runs": 0, "live": 0})
            for reader in readers:
                list(reader)
        run_id = world.create("quick-success")
        world.advance(60)
        assert world.client.get(f"{RUNS}/{run_id}/events").status_code == 200
        world.close()


@pytest.mark.parametrize("until", [False, True])
def test_an_advance_stops_at_its_bound_and_can_go_on(
    mock_world: MockWorld, monkeypatch: pytest.MonkeyPatch, until: bool
) -> None:
    """Nothing is lost: the clock stands where it got, and the next one takes it from there."""
    monkeypatch.setattr(worlds, "MOST_EVENTS", 300)
    hanging = mock_world.create("hang")
    mock_world.client.put("/_mock/arrivals", json={"perMinute": 10})
    body: dict[str, Any] = {"seconds": 3_600}
    if until:
        body["until"] = {"run": hanging, "status": "completed"}
    before = mock_world.client.get("/_mock/clock").json()["now"]
    answers = [mock_world.client.post("/_mock/clock/advance", json=body)]
    assert answers[0].status_code == 409
    assert "advance again" in answers[0].json()["detail"]
    shown = mock_world.client.get("/_mock/clock").json()
    assert before < shown["now"]
    assert shown["now"] in answers[0].json()["detail"]
    mock_world.client.delete("/_mock/arrivals")
    assert mock_world.client.post("/_mock/clock/advance", json=body).status_code == 200


def test_an_advance_of_ordinary_size_is_not_bounded(mock_world: MockWorld) -> None:
    """It is where it was to go, to the millisecond."""
    mock_world.client.post("/_mock/reset", json={"now": "2026-03-02T00:00:00Z", "scale": 0})
    shown = mock_world.client.post("/_mock/clock/advance", json={"seconds": 2_678_400}).json()
    assert shown["now"] == "2026-04-02T00:00:00.000Z"


def test_the_journal_of_a_world_goes_with_it() -> None:
    """Names of tests come and go; what is remembered does not grow with them."""
    with (
        serving(Settings(most_worlds=2, declared=("demo",), start="empty")) as url,
        httpx2.Client(base_url=url, verify=False) as client,
    ):
        numbers = {}
        for key in ("demo", "test-a", "test-b"):
            answer = client.get(RUNS, headers={"X-API-Key": key})
            numbers[key] = answer.headers["x-mock-request"]
        found = {key: client.get(f"/_mock/requests/{n}").status_code for key, n in numbers.items()}
    assert found == {"demo": 200, "test-a": 404, "test-b": 200}


def test_a_world_too_many_takes_the_place_of_the_longest_idle() -> None:
    """Not of a declared one."""
    with (
        serving(Settings(most_worlds=2, declared=("demo",), start="empty")) as url,
        httpx2.Client(base_url=url, verify=False) as client,
    ):
        for name in ("demo", "test-a", "test-b"):
            assert client.get(RUNS, headers={"X-API-Key": name}).status_code == 200
        shown = client.get("/_mock/worlds").json()["items"]
        assert [world["name"] for world in shown] == ["demo", "test-b"]
