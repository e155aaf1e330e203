"""What is bounded says so at the bound, and what to do."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from mock_server.engine.behaviour import Behaviour
from mock_server.engine.clock import Clock
from mock_server.engine.fake_data import FakeData
from mock_server.engine.randomness import SeededRandom
from mock_server.engine.scenario import load_available
from mock_server.errors import HttpError
from mock_server.settings import Settings
from mock_server.testing import MockWorld, serving
from mock_server.worlds import advance
from mock_server.worlds.arrivals import Arrivals
from mock_server.worlds.world import World

RUNS = "/api/v1/automation-runs"


def test_streams_beyond_the_bound_are_refused_until_one_ends() -> None:
    """As a limit that the contract knows: 429, and when to come again."""
    with serving(Settings(max_streams=2)) as url:
        world = MockWorld(url, "test-bound", scale=0, runs=0, live=0)
        run_id = world.create("hang")
        path = f"{RUNS}/{run_id}/events"
        with ExitStack() as stack:
            streams = []
            for _ in range(2):
                answer = stack.enter_context(world.client.stream("GET", path))
                streams.append(answer.iter_text())
                next(streams[-1])
            refused = world.client.get(path)
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) > 0
            assert "close some" in refused.json()["detail"]
            world.client.post("/_mock/reset", json={"runs": 0, "live": 0})
            for one in streams:
                list(one)
        run_id = world.create("quick-success")
        world.advance(60)
        assert world.client.get(f"{RUNS}/{run_id}/events").status_code == 200
        world.close()


@pytest.mark.parametrize("until", [False, True])
def test_an_advance_stops_at_its_bound_and_can_go_on(
    mock_world: MockWorld, monkeypatch: pytest.MonkeyPatch, until: bool
) -> None:
    """Nothing is lost: the clock stands where it got, and the next one takes it from there."""
    monkeypatch.setattr(advance, "MAX_EVENTS", 300)
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
        serving(Settings(max_worlds=2, declared=("demo",), start="empty")) as url,
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
        serving(Settings(max_worlds=2, declared=("demo",), start="empty")) as url,
        httpx2.Client(base_url=url, verify=False) as client,
    ):
        for name in ("demo", "test-a", "test-b"):
            assert client.get(RUNS, headers={"X-API-Key": name}).status_code == 200
        shown = client.get("/_mock/worlds").json()["items"]
        assert [world["name"] for world in shown] == ["demo", "test-b"]


def test_a_world_that_is_far_behind_its_clock_says_so(
    mock_server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No client waits forever for the first response after a long absence, and past events have
    happened."""
    monkeypatch.setattr(advance, "MAX_EVENTS", 300)
    with MockWorld(mock_server_url, "test-far-behind", scale=100_000, runs=0, live=0) as world:
        world.client.put("/_mock/arrivals", json={"perMinute": 600})
        answer = world.client.get("/_mock/clock")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert "slow it down" in answer.json()["detail"]
        answer = world.client.get(RUNS)
        assert answer.status_code == 503
        assert "test-far-behind" in answer.json()["detail"]
        world.control("reset", runs=0, live=0)
        assert world.client.get(RUNS).json()["total"] == 0


def test_a_world_that_fell_behind_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clock goes on from where it has got to, so the next request finds it there."""
    monkeypatch.setattr(advance, "MAX_EVENTS", 300)
    real = [0.0]
    clock = Clock(0, scale=3_000, real=lambda: real[0])
    world = World("test-behind", 1, clock, Behaviour(), FakeData())
    world.set_arrivals(Arrivals(60, [(load_available()["quick-success"], 1)], SeededRandom(1), 0))
    real[0] = 3_600.0
    with pytest.raises(HttpError, match="could not keep up"):
        list(advance.catch_up_completely(world))
    assert clock.now() == world.engine.now
    assert list(advance.catch_up_completely(world)) == []


def test_a_followed_world_makes_no_room() -> None:
    """An open stream is use enough; where only such are left, that is said."""
    with (
        serving(Settings(max_worlds=2, declared=("demo",), start="empty", scale=0)) as url,
        httpx2.Client(base_url=url, timeout=20) as client,
    ):
        client.get(RUNS, headers={"X-API-Key": "demo"})
        key = {"X-API-Key": "test-followed"}
        run = client.post("/_mock/runs", headers=key, json={"scenario": "hang"}).json()["id"]
        with client.stream("GET", f"{RUNS}/{run}/events", headers=key) as stream:
            lines = stream.iter_lines()  # Kept: without it the stream would be left.
            next(lines)
            answer = client.get(RUNS, headers={"X-API-Key": "test-other"})
            assert answer.status_code == 409
            assert "have subscribers" in answer.json()["detail"]


def test_two_advances_at_once_add_up(mock_world: MockWorld) -> None:
    """Large work on one world is done one after the other, and nothing of it is lost."""
    mock_world.client.put("/_mock/arrivals", json={"perMinute": 60})
    before = mock_world.client.get("/_mock/clock").json()["now"]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(mock_world.advance, [600, 600, 600]))
    after = mock_world.client.get("/_mock/clock").json()["now"]
    passed = datetime.fromisoformat(after) - datetime.fromisoformat(before)
    assert passed == timedelta(minutes=30)


def test_a_world_is_opened_once_however_many_ask_for_it_first(mock_server_url: str) -> None:
    """A page that opens with six requests sees one world."""
    headers = {"X-API-Key": f"test-ask-{time.monotonic_ns()}"}

    def ask(_: int) -> list[str]:
        answer = httpx2.get(f"{mock_server_url}{RUNS}", headers=headers, verify=False)
        return [run["id"] + run["createdAt"] for run in answer.json()["items"]]

    with ThreadPoolExecutor(6) as pool:
        lists = list(pool.map(ask, range(6)))
    assert len(lists[0]) > 60
    assert all(each == lists[0] for each in lists)
