"""A store that fails: a change is refused and not made, and reading goes on."""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from stored_mock import CREATE, WORLD, FakeStore, StoredMock

from mock_server.errors import HttpError
from mock_server.settings import Settings
from mock_server.store.store import FullError, GoneError, LostError, StoreError
from mock_server.testing import serving


def test_a_change_that_cannot_be_stored_is_not_made() -> None:
    """The world is as before, and goes on as soon as the store works again."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.do(*CREATE)
        before = await mock.export()
        store.problem = StoreError("no connection")
        for one in (CREATE, ("advanceClock", {}, {"seconds": 60}), ("resetWorld", {}, {})):
            with pytest.raises(HttpError, match="no connection") as caught:
                await mock.do(*one)
            assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "1")
        await mock.keeper.tick()
        assert await mock.export() == before
        store.problem = None
        await mock.do(*CREATE)
        assert await StoredMock(store).export() == await mock.export() != before

    asyncio.run(check())


def test_a_problem_is_over_when_the_store_works_and_not_before() -> None:
    """Also where nothing else is asked of it."""

    async def check() -> None:
        store = FakeStore()
        store.shared = True
        mock = StoredMock(store)
        store.problem = StoreError("no connection")
        with pytest.raises(HttpError):
            await mock.open()
        for _ in range(3):
            await mock.keeper.tick()
            assert mock.keeper.problem is not None
        store.problem = None
        await mock.keeper.tick()
        assert mock.keeper.problem is None

    asyncio.run(check())


def test_a_scenario_whose_definition_was_not_stored_is_defined_again() -> None:
    """By the next command that uses it."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.open()
        store.problem = StoreError("no connection")
        with pytest.raises(HttpError):
            await mock.do(*CREATE)
        store.problem = None
        await mock.do(*CREATE)
        assert await StoredMock(store).export() == await mock.export()

    asyncio.run(check())


def test_a_world_that_the_store_has_lost_is_stored_again() -> None:
    """From memory, before the next command."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.do(*CREATE)
        append, calls = store.append, 0

        async def gone_once(*given: object) -> None:
            nonlocal calls
            calls += 1
            if calls == 1:
                store.saved.clear()
                raise GoneError("empty")
            await append(*given)  # type: ignore[arg-type]

        store.append = gone_once  # type: ignore[method-assign]
        await mock.do(*CREATE)
        assert await StoredMock(store).export() == await mock.export()
        assert json.loads(await mock.export())["runs"].__len__() == 2

    asyncio.run(check())


@pytest.mark.parametrize("fails", ["before", "after"])
@pytest.mark.parametrize("stopped", [False, True])
def test_nothing_is_lost_after_a_reset_that_failed(fails: str, stopped: bool) -> None:
    """Its snapshot may have been written all the same, as after a time-out."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.do(*CREATE)
        store.snapshots_fail = fails
        with pytest.raises(HttpError) as caught:
            await mock.worlds.reset(WORLD)
        assert "The change may have been made: read the world" in caught.value.reason
        assert caught.value.headers == {}
        for _ in range(2):
            await mock.fail_to_reset(store, fails)
        if not stopped:
            await mock.do(*CREATE)
        before = await mock.export()
        assert json.loads(before)["runs"]
        if stopped:
            await mock.keeper.stop()
        assert await StoredMock(store).export() == before

    asyncio.run(check())


def test_a_change_that_fits_is_made_after_a_reset_that_found_no_room() -> None:
    """A snapshot for which there was no room was not written."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.do(*CREATE)

        async def full(*_: object) -> int:
            raise FullError("no space left")

        store.snapshot = full  # type: ignore[method-assign]
        with pytest.raises(HttpError):
            await mock.worlds.reset(WORLD)
        await mock.do(*CREATE)
        assert await StoredMock(store).export() == await mock.export()

    asyncio.run(check())


def test_a_reset_without_room_for_the_world_changes_nothing() -> None:
    """It is not open, and no open world can be closed for it."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.do(*CREATE)
        before = await mock.export()
        mock.worlds.close_world(WORLD)
        await mock.open("test-other")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mock.worlds, "settings", replace(mock.worlds.settings, max_worlds=1))
            patch.setattr(mock.worlds, "idle", lambda _: False)
            with pytest.raises(HttpError) as caught:
                await mock.worlds.reset(WORLD)
        assert caught.value.status == 409
        assert await StoredMock(store).export() == before

    asyncio.run(check())


def test_a_world_that_another_mock_has_claimed_is_closed() -> None:
    """Its next change is refused, and it is loaded when it can be claimed again."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.do(*CREATE)
        world = await mock.open()
        store.problem = LostError("the mock on host b")
        with pytest.raises(HttpError, match="another mock's: the mock on host b"):
            await mock.do(*CREATE)
        assert world.closed
        assert WORLD not in mock.worlds
        store.problem = None
        assert len(await mock.open()) == 1

    asyncio.run(check())


@pytest.fixture(scope="module")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def client(store_path: Path) -> Iterator[httpx2.Client]:
    """A client of a mock whose worlds are in a directory."""
    settings = Settings(store=f"dir:{store_path}", scale=0, start="empty")
    with (
        serving(settings) as url,
        httpx2.Client(base_url=url, headers={"X-API-Key": "demo"}, verify=False) as client,
    ):
        yield client


def test_a_full_disk_refuses_changes_and_not_reads(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 503, the reason and when to try again; what was written in part is taken back."""
    run = client.post("/_mock/runs", json={"scenario": "diamond"}).json()
    write, calls = os.write, 0

    def full(file: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(28, "No space left on device")
        return write(file, data[:10])

    path = f"/api/v1/automation-runs/{run['id']}"
    with monkeypatch.context() as patch:
        patch.setattr("mock_server.store.append_file.os.write", full)
        refused = [
            client.post(f"{path}/cancel"),
            client.post("/_mock/clock/advance", json={"seconds": 60}),
            client.put("/_mock/arrivals", json={"perMinute": 5}),
        ]
        read = client.get(path)
    for response in refused:
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert "No space left on device. Nothing was changed" in response.json()["detail"]
    assert calls == 4
    assert read.json() == run
    assert client.post(f"{path}/cancel").json()["status"] == "cancelled"


def test_a_world_that_cannot_be_stored_is_not_opened(
    client: httpx2.Client, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reset on a full disk keeps the world as it is; no folder remains of a new one."""
    before = client.get("/_mock/state").content

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        refused = client.post("/_mock/reset", json={"runs": 3, "start": "demo"})
        unopened = client.get("/api/v1/automation-runs", headers={"X-API-Key": "test-full"})
        assert not list(store_path.glob("worlds/test-full"))
    assert (refused.status_code, unopened.status_code) == (503, 503)
    assert client.get("/_mock/state").content == before
    opened = client.get("/api/v1/automation-runs", headers={"X-API-Key": "test-full"})
    assert opened.json() == {"items": [], "total": 0}
