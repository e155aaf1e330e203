"""Worlds in a directory: what is read after a restart and a crash."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from directory_world import COMMANDS, export_again, killed
from stored_mock import WORLD, StoredMock

from mock_server.errors import HttpError, UsageError
from mock_server.store.directory import DirectoryStore
from mock_server.store.directory_listing import folder_name, list_stored
from mock_server.store.folder import Fsync
from mock_server.store.location import open_store
from mock_server.store.store import FullError, StoreError


@pytest.mark.parametrize("fsync", list(Fsync))
def test_worlds_survive_a_restart(tmp_path: Path, fsync: Fsync) -> None:
    """With every policy, after a stop and also without one."""

    async def check() -> None:
        for number in range(3):
            store = DirectoryStore(tmp_path, fsync)
            mock = StoredMock(store)
            assert len(await mock.open()) == 2 * number
            await mock.do_all(COMMANDS)
            live = await mock.export()
            if number % 2:
                store._unlock()
            else:
                await mock.keeper.stop()
            assert await export_again(tmp_path) == live

    asyncio.run(check())


def test_a_directory_has_one_mock_at_a_time(tmp_path: Path) -> None:
    """The second is refused, until the first has ended."""
    store = DirectoryStore(tmp_path)
    with pytest.raises(UsageError, match=r"in use by process \d+\. Stop that"):
        DirectoryStore(tmp_path)
    asyncio.run(store.close())
    asyncio.run(DirectoryStore(tmp_path).close())


def test_the_process_that_has_a_directory_is_named_if_it_lives(tmp_path: Path) -> None:
    """A worker has the lock of the mock that started it also when that was killed."""
    store = DirectoryStore(tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    for text, holder in (
        (f"{os.getpid()}\n", f"process {os.getpid()}"),
        (
            f"{ended.pid}\n",
            f"workers of a mock whose process {ended.pid} has ended (fuser {tmp_path}/lock ",
        ),
        ("9" * 40, f"workers of a mock whose process {'9' * 20} has ended "),
        ("", "another mock"),
    ):
        (tmp_path / "lock").write_text(text)
        with pytest.raises(UsageError) as caught:
            DirectoryStore(tmp_path)
        assert f" is in use by {holder}" in str(caught.value)
    store._unlock()


def test_a_place_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """What it is, and what to do."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("text")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "store.json").write_text("[]")
    for location, problem in (
        (f"dir:{tmp_path}/file", "expected a directory that can be written"),
        (f"dir:{tmp_path}/file/below", "expected a directory that can be written"),
        (f"dir:{tmp_path}/full", r"which contains 'letter\.txt'"),
        (f"dir:{tmp_path}/odd", "expected the format"),
        ("dir:", "expected memory, dir:PATH or valkey"),
        ("disk:x", "expected memory, dir:PATH or valkey"),
        ("dir:a\0b", "expected memory, dir:PATH or valkey"),
    ):
        with pytest.raises(UsageError, match=problem):
            open_store(location, Fsync.NO)
    assert (tmp_path / "full" / "letter.txt").read_text() == "text"
    assert len(list((tmp_path / "full").iterdir())) == 1
    assert open_store("memory", Fsync.NO) is None


def test_every_name_has_a_safe_folder_of_its_own() -> None:
    """On every file system, whatever a tenant is called."""
    names = [
        "demo",
        "test-a",
        "a.b",
        "..",
        "a/b",
        "A",
        "a",
        "con",
        "Zürich",
        "a%2Eb",
        ".",
        "x" * 64,
    ]
    folders = [folder_name(name) for name in names]
    assert len({one.lower() for one in folders}) == len(names)
    assert folders[:4] == ["demo", "test-a", "a%2Eb", "%2E%2E"]
    assert not {".", "..", "con"} & set(folders)
    assert all("/" not in one for one in folders)


def test_idle_test_worlds_are_released_and_expire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From memory first, and later from the store; declared worlds stay."""

    async def check() -> None:
        store = DirectoryStore(tmp_path)
        mock = StoredMock(store)
        for name in ("demo", "test-a"):
            await mock.open(name)
        await mock.keeper.tick()
        assert len(mock.worlds) == 2
        monkeypatch.setattr("mock_server.store.keeper.RELEASED_AFTER", -1.0)
        await mock.keeper._sweep()
        assert [world.name for world in mock.worlds] == ["demo"]
        assert (await mock.open("test-a")).name == "test-a"
        await mock.keeper._sweep()
        while mock.keeper._releases:
            await asyncio.sleep(0)
        assert [one.name for one in await store.list_worlds()] == ["demo", "test-a"]
        monkeypatch.setattr("mock_server.store.keeper.EXPIRES_AFTER", -10_000)
        await mock.keeper._sweep()
        assert [one.name for one in await store.list_worlds()] == ["demo"]
        await mock.keeper.stop()

    asyncio.run(check())


def test_a_world_is_removed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by a mock that is killed meanwhile: the next one removes the rest of its files."""

    async def check() -> None:
        await killed(tmp_path)
        store = DirectoryStore(tmp_path)

        def stop(_: Path) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr("mock_server.store.folder.shutil.rmtree", stop)
            with pytest.raises(StoreError):
                await store.delete(WORLD)
        assert list_stored(tmp_path) == []
        store._unlock()
        await DirectoryStore(tmp_path).close()
        assert list((tmp_path / "worlds").iterdir()) == []

    asyncio.run(check())


def test_a_disk_that_fails_to_sync_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may have dropped what it could not write, so all of the world is stored again."""

    async def check(fsync: Fsync) -> None:
        path = tmp_path / fsync
        store = DirectoryStore(path, fsync)
        mock = StoredMock(store)
        await mock.do(*COMMANDS[0])

        def failing(_: int) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr("mock_server.store.append_file.os.fsync", failing)
            if fsync is Fsync.ALWAYS:
                with pytest.raises(HttpError, match="Input/output error"):
                    await mock.do(*COMMANDS[0])
            else:
                await mock.do(*COMMANDS[0])
                await mock.keeper.tick()
        before = await mock.export()
        await mock.keeper.tick()
        assert [one.name for one in (path / "worlds" / "demo").iterdir()] == ["2.snapshot"]
        await mock.do(*COMMANDS[0])
        assert await mock.export() != before
        live = await mock.export()
        store._unlock()
        assert await export_again(path) == live

    asyncio.run(check(Fsync.ALWAYS))
    asyncio.run(check(Fsync.EVERYSEC))


@pytest.mark.parametrize("log_is_open", [True, False])
def test_a_world_whose_folder_was_removed_is_stored_again(
    tmp_path: Path, log_is_open: bool
) -> None:
    """From memory, before the next change: a change that is acknowledged is never lost."""

    async def check() -> None:
        store = DirectoryStore(tmp_path)
        mock = StoredMock(store)
        await mock.open()
        if log_is_open:
            await mock.do(*COMMANDS[0])
        shutil.rmtree(tmp_path / "worlds" / "demo")
        await mock.do(*COMMANDS[0])
        live = await mock.export()
        store._unlock()
        assert await export_again(tmp_path) == live

    asyncio.run(check())


def test_empty_folders_are_removed_at_the_start(tmp_path: Path) -> None:
    """Those of worlds that could not be stored; others stay."""

    async def check() -> None:
        await killed(tmp_path)
        tmp_path.joinpath("worlds", "test-full").mkdir()
        await DirectoryStore(tmp_path).close()
        assert [one.name for one in (tmp_path / "worlds").iterdir()] == ["demo"]

    asyncio.run(check())


def test_a_world_that_could_not_be_stored_is_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it remains, and the store has no problem then."""

    async def check() -> None:
        store = DirectoryStore(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", failing)
            generation = await store.rotate(WORLD, 1)
            with pytest.raises(FullError):
                await store.snapshot(WORLD, 1, generation, [b"1\n"])
        await store.release(WORLD, 1)
        assert list((tmp_path / "worlds").iterdir()) == []
        await store.close()

    def failing(*_: object) -> None:
        raise OSError(28, "No space left on device")

    asyncio.run(check())


def test_a_crash_at_any_write_loses_nothing_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and after each write to a log, and each file that is put in its place or removed, with
    snapshots in between: what is on the disk then gives the world as it was acknowledged, or with
    the one change whose response was still to come."""
    path = tmp_path / "store"
    copies: list[tuple[Path, int]] = []
    exports: list[bytes] = []

    def copied(act: Callable[..., Any]) -> Callable[..., Any]:
        def copy_and_act(*given: Any, **named: Any) -> Any:
            for moment in ("before", "after"):
                copy = tmp_path / f"{len(copies)} {moment}"
                copies.append((copy, len(exports) - 1))
                shutil.copytree(path, copy)
                if moment == "before":
                    result = act(*given, **named)
            return result

        return copy_and_act

    def half(file: int, data: bytes) -> int:
        return write(file, data[: max(len(data) // 2, 1)])

    write = os.write

    async def check() -> None:
        store = DirectoryStore(path, Fsync.NO)
        mock = StoredMock(store)
        exports.append(await mock.export())
        with monkeypatch.context() as patch:
            patch.setattr("mock_server.store.append_file.os.write", copied(half))
            patch.setattr(Path, "replace", copied(Path.replace))
            patch.setattr(Path, "unlink", copied(Path.unlink))
            for number, one in enumerate(COMMANDS):
                await mock.do_all([one])
                exports.append(await mock.export())
                if number % 2:
                    await mock.keeper._snapshots.begin(mock.keeper._kept[WORLD], await mock.open())
                    await mock.compacted()
        store._unlock()
        assert len(copies) > 40
        for copy, acknowledged in copies:
            assert await export_again(copy) in exports[acknowledged : acknowledged + 2]

    asyncio.run(check())
