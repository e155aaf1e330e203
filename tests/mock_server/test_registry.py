"""Worlds: which there are, what they open with, how many there may be."""

import asyncio
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mock_server.engine.clock import DAY, from_text
from mock_server.engine.enums import RunStatus
from mock_server.errors import FileError, HttpError, UsageError
from mock_server.settings import Settings
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World

NOW = from_text("2026-03-02T08:15:00Z")


def opened(worlds: Worlds, name: str) -> World:
    return asyncio.run(worlds.open(name))


def page(world: World) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(world.page(None, 1_000, 0))["items"]
    return items


@pytest.fixture(scope="module")
def demo() -> World:
    return opened(Worlds(Settings(now=NOW, scale=0)), "demo")


def test_a_fresh_world_has_a_believable_history(demo: World) -> None:
    """Some sixty runs of the past days, in every status, of several automations and triggers."""
    runs = page(demo)
    assert 60 <= len(runs) <= 80
    assert {run["status"] for run in runs} == set(RunStatus)
    assert len({run["automationId"] for run in runs}) >= 5
    assert {"manual", "schedule", "webhook"} <= {run["triggerType"] for run in runs}
    created = [from_text(run["createdAt"]) for run in runs]
    assert NOW - 4 * DAY <= min(created) <= NOW - 3 * DAY
    assert Counter(run["status"] for run in runs)["completed"] > len(runs) / 2


def test_a_fresh_world_has_runs_under_way(demo: World) -> None:
    """A few runs live, and something will happen by itself within half a minute."""
    live = [run for run in page(demo) if run["status"] in ("pending", "running")]
    assert len(live) >= 5
    assert demo.engine.next_due is not None
    assert demo.engine.next_due <= NOW + 30_000


def test_history_is_listed_newest_first(demo: World) -> None:
    """Across what was played of the past and what is under way."""
    created = [run["createdAt"] for run in page(demo)]
    assert all(later >= earlier for later, earlier in pairwise(created))


def test_the_same_seed_reports_the_same_history() -> None:
    """Same seed, world, time: the same bytes. Another seed: other ids."""
    first, same, other = (
        opened(Worlds(Settings(now=NOW, scale=0, seed=seed)), "acme").page(None, 1_000, 0)
        for seed in (7, 7, 8)
    )
    assert first == same
    ids = [{run["id"] for run in json.loads(body)["items"]} for body in (first, other)]
    assert not ids[0] & ids[1]


def test_two_worlds_of_one_seed_have_no_run_in_common() -> None:
    """An id of one tenant means nothing to another."""
    worlds = Worlds(Settings(now=NOW, scale=0))
    acme, globex = (
        {run["id"] for run in page(opened(worlds, name))} for name in ("acme", "globex")
    )
    assert not acme & globex


def test_which_names_open_a_world() -> None:
    """The declared ones, and any that begins with test-."""
    worlds = Worlds(Settings(declared=("one", "two")))
    known = ["one", "two", "test-", "test-a.b_c-1"]
    unknown = ["", "three", "demo", "Test-a", "test a", "test-" + "x" * 60, "test-é", "one "]
    assert [name for name in known + unknown if worlds.allows(name)] == known


def test_the_test_world_idle_longest_makes_room() -> None:
    """Declared worlds stay; of the others the one that was used last stays longest."""
    worlds = Worlds(Settings(start="empty", declared=("demo",), max_worlds=3))
    opened(worlds, "demo")
    first, second = opened(worlds, "test-1"), opened(worlds, "test-2")
    opened(worlds, "test-1")
    opened(worlds, "test-3")
    assert [world.name for world in worlds] == ["demo", "test-1", "test-3"]
    assert second.closed
    assert not first.closed


def test_a_mock_full_of_declared_worlds_says_so() -> None:
    """Nothing is thrown away that the user named."""
    worlds = Worlds(Settings(start="empty", declared=("a", "b"), max_worlds=2))
    opened(worlds, "a")
    opened(worlds, "b")
    with pytest.raises(HttpError, match="declared"):
        opened(worlds, "test-1")


def write(directory: Path, text: str) -> Settings:
    (directory / "mine.yaml").write_text(text, encoding="utf-8")
    return Settings(start="mine", starts=directory)


def test_a_start_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """With the names of those that do."""
    (tmp_path / "other.yaml").write_text("summary: x\n")
    with pytest.raises(UsageError, match=r"one of other, got 'mine'"):
        Worlds(Settings(start="mine", starts=tmp_path))


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("summary: x\nlive:\n  - scenario: dimond\n", ":3:", "unknown scenario 'dimond'"),
        ("summary: x\nhistory:\n  runs: 3\n", ":3:", "which scenarios"),
        ("summary: x\nhistory:\n  scenarios: {nope: 1}\n", ":3:", "unknown scenario 'nope'"),
        ("summary: x\nhistory:\n  cancelled: 2\n", ":3:", "less than or equal to 1"),
        ("summary: x\nhistory:\n  over: long\n", ":3:", "'long' is not a duration"),
        ("summary: x\nhistroy: {}\n", ":2:", "did you mean 'history'?"),
    ],
)
def test_a_broken_start_is_refused_where_it_is_broken(
    tmp_path: Path, text: str, place: str, problem: str
) -> None:
    """File, line, and what is wrong."""
    with pytest.raises(FileError) as rejection:
        Worlds(write(tmp_path, text))
    assert place in str(rejection.value)
    assert problem in str(rejection.value)


def test_a_name_may_say_what_its_world_opens_with() -> None:
    """``test-empty-7`` is empty, ``test-edge-cases`` holds the edge cases, others what is usual."""
    worlds = Worlds(Settings(now=NOW, scale=0))
    assert len(opened(worlds, "test-empty-7")) == 0
    assert len(opened(worlds, "test-emptyish")) > 60
    steps = {len(run.scenario.plans) for run in opened(worlds, "test-edge-cases").runs()}
    assert {0, 500} <= steps


@pytest.mark.parametrize("start", ["demo", "empty", "edge-cases"])
def test_every_start_that_comes_with_the_mock_opens(start: str) -> None:
    """Whatever its seed."""
    for seed in (1, 2):
        world = opened(Worlds(Settings(now=NOW, scale=0, seed=seed, start=start)), "demo")
        assert (len(world) == 0) == (start == "empty")


def test_scenarios_of_ones_own_stand_next_to_those_that_come_along(tmp_path: Path) -> None:
    """And win where the name is the same."""
    text = "summary: Mine\nautomation: {name: Mine}\n"
    for name in ("mine", "diamond"):
        (tmp_path / f"{name}.yaml").write_text(text)
    scenarios = Worlds(Settings(scenarios=tmp_path, start="empty")).scenarios
    assert scenarios["mine"].summary == scenarios["diamond"].summary == "Mine"
    assert scenarios["flaky"].summary != "Mine"


def test_a_world_of_another_process_is_not_opened() -> None:
    """Whatever has led a request here: two processes would write to one world."""

    async def refused() -> list[int]:
        worlds = Worlds(Settings(now=NOW, scale=0))
        worlds.owns = lambda _: False
        found = []
        for work in (
            worlds.open("test-empty-1"),
            worlds.reset("test-empty-1"),
            worlds.restore({}, "test-empty-1"),
        ):
            with pytest.raises(HttpError) as caught:
                await work
            found.append(caught.value.status)
        assert "test-empty-1" not in worlds
        return found

    assert asyncio.run(refused()) == [503, 503, 503]


def test_a_change_in_progress_ends_while_the_mock_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its world is closed then, but not replaced by another one, so nothing else has to be
    opened."""
    worlds = Worlds(Settings(start="empty"))
    run, looks = worlds.runner.run, iter(range(4))

    async def counted(work: Any) -> Any:
        if next(looks, None) is None:
            work.close()
            raise AssertionError("it looks for an open world again and again")
        return await run(work)

    async def changed() -> list[World]:
        first = await worlds.open("test-stop")
        monkeypatch.setattr(worlds.runner, "run", counted)
        worlds.close()
        async with worlds.exclusive("test-stop") as world:
            return [first, world, await worlds.open("test-stop")]

    first, changing, reading = asyncio.run(changed())
    assert first is changing is reading
