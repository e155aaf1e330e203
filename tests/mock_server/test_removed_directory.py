"""A directory of worlds that is removed while a mock uses it."""

import asyncio
import copy
import os
import shutil
from pathlib import Path

import pytest
from stored_mock import WORLD, Command, StoredMock

from mock_server.errors import HttpError, UsageError
from mock_server.store.directory import DirectoryStore
from mock_server.store.directory_listing import list_stored

CREATE: Command = ("createRun", {}, {"scenario": "quick-success"})


@pytest.mark.parametrize("changed", [True, False])
def test_it_is_written_again_with_all_open_worlds(
    tmp_path: Path, changed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the next change, and at the latest within a second; the lock is held again."""
    path = tmp_path / "store"

    async def check() -> None:
        store = DirectoryStore(path)
        mock = StoredMock(store)
        await mock.do(*CREATE)
        await mock.open("test-a")
        shutil.rmtree(path)
        if changed:
            await mock.do(*CREATE)
            assert (path / "store.json").exists()
        await mock.keeper.tick()
        assert [one.name for one in list_stored(path)] == [WORLD, "test-a"]
        with pytest.raises(UsageError, match=f"in use by process {os.getpid()}"):
            DirectoryStore(path)
        assert [one.message for one in caplog.records] == [
            f"the store dir:{path}: the directory was removed, and is written again"
        ]
        await mock.do(*CREATE)
        await stop_and_open(mock, path)

    asyncio.run(check())


async def stop_and_open(mock: StoredMock, path: Path) -> None:
    """Stop the mock, and compare its world with what is stored."""
    live = await mock.export()
    await mock.keeper.stop()
    again = DirectoryStore(path)
    assert await StoredMock(again).export() == live
    await again.close()


def test_it_is_not_written_over_another_store(tmp_path: Path) -> None:
    """Changes are refused, and go on when the other one has ended."""
    path = tmp_path / "store"

    async def check() -> None:
        store = DirectoryStore(path)
        mock = StoredMock(store)
        await mock.do(*CREATE)
        shutil.rmtree(path)
        other = DirectoryStore(path)
        for _ in range(2):
            with pytest.raises(HttpError, match=r"the directory was removed; .* is in use by"):
                await mock.do(*CREATE)
            await mock.keeper.tick()
        assert list((path / "worlds").iterdir()) == []
        await other.close()
        await mock.keeper.tick()
        await mock.do(*CREATE)
        assert len(await mock.open()) == 2
        await mock.keeper.stop()

    asyncio.run(check())


def test_what_changes_during_a_snapshot_is_stored_again(tmp_path: Path) -> None:
    """The snapshot begins before, and ends after the directory is removed."""
    path = tmp_path / "store"

    async def check() -> None:
        store = DirectoryStore(path)
        mock = StoredMock(store)
        await mock.do(*CREATE)
        await mock.keeper._snapshots.begin(mock.keeper._kept[WORLD], await mock.open())
        await mock.do(*CREATE)
        shutil.rmtree(path)
        await mock.compacted()
        await mock.keeper.tick()
        await stop_and_open(mock, path)

    asyncio.run(check())


def test_workers_restore_it_together(tmp_path: Path) -> None:
    """They have the lock in common; the first to notice has it for all."""
    path = tmp_path / "store"

    async def check() -> None:
        one = DirectoryStore(path)
        two = copy.copy(one)
        assert one._lock is not None
        two._lock, two._folders = os.dup(one._lock), {}
        shutil.rmtree(path)
        for store, name in ((one, "test-a"), (two, "test-b"), (one, "test-c")):
            generation = await store.rotate(name, 1)
            await store.snapshot(name, 1, generation, [b"1\n"])
        assert len(list((path / "worlds").iterdir())) == 3
        for store in (one, two):  # In whichever order they end.
            with pytest.raises(UsageError, match="in use"):
                DirectoryStore(path)
            await store.close()
        await DirectoryStore(path).close()

    asyncio.run(check())
