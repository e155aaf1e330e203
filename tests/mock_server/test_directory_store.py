"""Worlds in a directory: what is read after a restart, a crash, and damage."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stored_mock import WORLD, Command, StoredMock

from mock_server.errors import HttpError, UsageError
from mock_server.store import record
from mock_server.store.directory import DirectoryStore, folder_name, list_stored
from mock_server.store.folder import Fsync
from mock_server.store.location import open_store

COMMANDS: list[Command] = [
    ("createRun", {}, {"scenario": "quick-success"}),
    ("advanceClock", {}, {"seconds": 1.5}),
    ("createRun", {}, {"scenario": "quick-success"}),
    ("cancelRun", {"run_id": 1}, {}),
]


async def killed(path: Path) -> list[bytes]:
    """Carry out the commands, and leave the directory as a mock that is killed does; return the
    document of the world after each."""
    store = DirectoryStore(path)
    mock = StoredMock(store)
    exports = [await mock.export()]
    for one in COMMANDS:
        await mock.do_all([one])
        exports.append(await mock.export())
    store._unlock()
    return exports


async def export_again(path: Path) -> bytes:
    """Return the document of the world as another mock reads it."""
    store = DirectoryStore(path)
    try:
        return await StoredMock(store).export()
    finally:
        await store.close()


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


def test_a_log_cut_anywhere_has_lost_nothing_acknowledged(tmp_path: Path) -> None:
    """A record that is not complete was not acknowledged; every other is there."""

    async def check() -> None:
        exports = await killed(tmp_path)
        [path] = tmp_path.glob("worlds/demo/*.log")
        content = path.read_bytes()
        lines = record.split(content)
        ends = [sum(map(len, lines[: number + 1])) for number in range(len(lines))]
        for length in range(len(content) + 1):
            valid = record.complete(content[:length])
            missing_end = length + 1 in ends
            assert (
                valid == content[: max([0, *(one for one in ends if one <= length + missing_end)])]
            )
        for end in ends:
            for length in (end - 9, end - 1, end, min(end + 20, len(content))):
                path.write_bytes(content[:length])
                count = sum(one <= length + 1 for one in ends)
                assert await export_again(tmp_path) == exports[max(count - 1, 0)]
                assert record.split(path.read_bytes()) == lines[:count]
                for later in tmp_path.glob("worlds/demo/*.log"):
                    if later != path:
                        later.unlink()

    asyncio.run(check())


@pytest.mark.parametrize("end", [b"\0" * 700, b"12345678 {\0\0\0\n", b"12345678 {"])
def test_space_that_was_never_written_is_dropped(tmp_path: Path, end: bytes) -> None:
    """As a failure of power leaves it at the end of a file."""

    async def check() -> None:
        exports = await killed(tmp_path)
        [path] = tmp_path.glob("worlds/demo/*.log")
        content = path.read_bytes()
        path.write_bytes(content + end)
        assert await export_again(tmp_path) == exports[-1]
        assert path.read_bytes() == content

    asyncio.run(check())


@pytest.mark.parametrize(
    ("pattern", "line", "named"),
    [
        ("*.log", 3, "1.log:4"),
        ("*.log", 0, "1.log:1"),
        ("*.log", -1, "1.log:5"),
        ("*.snapshot", 1, ":2"),
    ],
)
def test_damage_is_refused_and_named(tmp_path: Path, pattern: str, line: int, named: str) -> None:
    """A changed byte in a complete record: the world is not shown with less than was acknowledged.
    Resetting it makes it usable again."""

    async def check() -> None:
        await killed(tmp_path)
        [path] = tmp_path.glob(f"worlds/demo/{pattern}")
        lines = record.split(path.read_bytes())
        damaged = bytearray(lines[line])
        damaged[20] ^= 1
        lines[line] = bytes(damaged)
        path.write_bytes(b"".join(lines))
        store = DirectoryStore(tmp_path)
        mock = StoredMock(store)
        for _ in range(2):
            with pytest.raises(HttpError) as caught:
                await mock.open()
            assert caught.value.status == 503
            assert "checksum" in caught.value.reason
            assert named in caught.value.reason
        await mock.worlds.reset(WORLD)
        await mock.do(*COMMANDS[0])
        live = await mock.export()
        await mock.keeper.stop()
        assert await export_again(tmp_path) == live

    asyncio.run(check())


def test_a_snapshot_cut_short_is_refused(tmp_path: Path) -> None:
    """It is renamed when it is complete, so this was no crash."""

    async def check() -> None:
        await killed(tmp_path)
        [path] = tmp_path.glob("worlds/demo/*.snapshot")
        content = path.read_bytes()
        for length in (0, 30, len(content) - 1, content.rfind(b"\n", 0, -1) + 1):
            path.write_bytes(content[:length])
            with pytest.raises(HttpError, match=r"Reset the world"):
                await export_again(tmp_path)

    asyncio.run(check())


def test_a_list_says_which_worlds_are_damaged(tmp_path: Path) -> None:
    """Wherever the damage is, and without what was never acknowledged at the end of a log."""
    asyncio.run(killed(tmp_path))
    [good] = list_stored(tmp_path)
    assert good.problem is None
    [snapshot], [log] = (list(tmp_path.glob(f"worlds/demo/*.{one}")) for one in ("snapshot", "log"))
    for path in (snapshot, log):
        content = path.read_bytes()
        last = content.rfind(b"\n", 0, -1) + 1
        for place in (5, last + 5, last + 9):
            damaged = bytearray(content)
            damaged[place] ^= 1
            path.write_bytes(damaged)
            [found] = list_stored(tmp_path)
            assert found.problem is not None, (path, place)
            assert f"{path.name}" in found.problem
        path.write_bytes(content[:-9])
        [found] = list_stored(tmp_path)
        assert (found.problem is None) is (path == log)
        path.write_bytes(content)


def test_another_version_is_refused_with_the_one_that_wrote_it(tmp_path: Path) -> None:
    """In a world: that world. In the store: the store."""
    asyncio.run(killed(tmp_path))
    [path] = tmp_path.glob("worlds/demo/*.snapshot")
    first, *rest = record.split(path.read_bytes())
    newer = record.decode(first, "") | {"version": 9, "mock": "7.0.0"}
    path.write_bytes(b"".join([record.encode(newer), *rest]))
    with pytest.raises(HttpError, match=r"expected version 1, got 9, written by runs-mock 7\.0\.0"):
        asyncio.run(export_again(tmp_path))
    [stored] = list_stored(tmp_path)
    assert stored.problem is not None
    assert "7.0.0" in stored.problem
    (tmp_path / "store.json").write_text(json.dumps(newer))
    with pytest.raises(
        UsageError, match=r"expected version 1, got 9, written by runs-mock 7\.0\.0"
    ):
        DirectoryStore(tmp_path)


def test_a_directory_has_one_mock_at_a_time(tmp_path: Path) -> None:
    """The second is refused, until the first has ended."""
    store = DirectoryStore(tmp_path)
    with pytest.raises(UsageError, match=r"in use by process \d+\. Stop that"):
        DirectoryStore(tmp_path)
    asyncio.run(store.close())
    asyncio.run(DirectoryStore(tmp_path).close())


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
