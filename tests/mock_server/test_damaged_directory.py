"""Worlds in a directory that is damaged: what is read, refused and listed."""

import asyncio
import json
from pathlib import Path

import pytest
from directory_world import COMMANDS, contents, export_again, killed
from stored_mock import WORLD, StoredMock

from mock_server.errors import HttpError, UsageError
from mock_server.store import record
from mock_server.store.directory import DirectoryStore
from mock_server.store.directory_listing import list_stored


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


def test_zeros_after_the_end_of_a_record_are_removed(tmp_path: Path) -> None:
    """In place of the end of its line: the record is complete, also when it is read once more."""

    async def check() -> None:
        exports = await killed(tmp_path)
        [path] = tmp_path.glob("worlds/demo/*.log")
        content = path.read_bytes()
        path.write_bytes(content[:-1] + b"\0\0\0")
        assert await export_again(tmp_path) == exports[-1]
        assert path.read_bytes() == content

    asyncio.run(check())


@pytest.mark.parametrize("end", [b"\0" * 700, b"12345678 {\0\0\0\n", b"12345678 {"])
def test_space_that_was_never_written_is_dropped(
    tmp_path: Path, end: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """As a failure of power leaves it at the end of a file; the log says how much of it."""

    async def check() -> None:
        exports = await killed(tmp_path)
        [path] = tmp_path.glob("worlds/demo/*.log")
        content = path.read_bytes()
        path.write_bytes(content + end)
        assert await export_again(tmp_path) == exports[-1]
        assert path.read_bytes() == content
        assert [one.message for one in caplog.records] == [
            f"{path}: dropped the last {len(end)} bytes, which were never complete"
        ]
        path.write_bytes(content[:-1])  # The record is complete, and nothing is dropped.
        assert await export_again(tmp_path) == exports[-1]
        assert len(caplog.records) == 1

    asyncio.run(check())


@pytest.mark.parametrize(
    ("pattern", "line", "named"),
    [
        ("*.log", 3, "1.log:4"),
        ("*.log", 0, "1.log:1"),
        ("*.log", -1, "1.log:5"),
        ("*.snapshot", 1, "1.snapshot:2"),
    ],
)
def test_damage_is_refused_and_named(
    tmp_path: Path, pattern: str, line: int, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A changed byte in a complete record: the world is not shown with less than was acknowledged,
    and one line of the log says so. Resetting it makes it usable again."""

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
            assert (caught.value.status, dict(caught.value.headers)) == (503, {})
            problem = (
                f"{named}: the record does not match its checksum. Reset the world to replace it."
            )
            assert caught.value.reason == f"The stored world 'demo' cannot be read: {problem}"
            [stored] = list_stored(tmp_path)
            assert stored.problem == problem
        assert [one.message for one in caplog.records] == [
            f"the store dir:{tmp_path}: the stored world 'demo' cannot be read: {named}: "
            "the record does not match its checksum"
        ]
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


def test_a_log_whose_snapshot_is_missing_is_damage(tmp_path: Path) -> None:
    """The world is not replaced, and nothing is removed; a reset replaces it."""
    asyncio.run(killed(tmp_path))
    [path] = tmp_path.glob("worlds/demo/*.snapshot")
    path.unlink()
    files = contents(tmp_path)
    problem = "its snapshot is missing. Reset the world to replace it."
    for _ in range(2):
        with pytest.raises(HttpError) as caught:
            asyncio.run(export_again(tmp_path))
        assert caught.value.status == 503
        assert caught.value.reason == f"The stored world 'demo' cannot be read: {problem}"
    assert contents(tmp_path) == files
    assert [(one.name, one.problem) for one in list_stored(tmp_path)] == [("demo", problem)]

    async def reset() -> None:
        store = DirectoryStore(tmp_path)
        await StoredMock(store).worlds.reset(WORLD)
        await store.close()
        await export_again(tmp_path)

    asyncio.run(reset())


@pytest.mark.parametrize("kind", ["snapshot", "log"])
def test_a_list_checks_what_loading_checks(tmp_path: Path, kind: str) -> None:
    """A snapshot with less runs than it says; a log that is cut short and not the last one."""
    asyncio.run(killed(tmp_path))
    [path] = tmp_path.glob(f"worlds/demo/*.{kind}")
    content = path.read_bytes()
    if kind == "snapshot":
        path.write_bytes(content[: content.rfind(b"\n", 0, -1) + 1])
        problem = "1.snapshot: expected 0 runs, got -1"
    else:
        path.write_bytes(content[:-9])
        path.with_name("2.log").write_bytes(record.split(content)[0])
        problem = "1.log:5: the record is cut short"
    with pytest.raises(HttpError, match=problem):
        asyncio.run(export_again(tmp_path))
    [stored] = list_stored(tmp_path)
    assert stored.problem == f"{problem}. Reset the world to replace it."


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


@pytest.mark.parametrize("kind", ["snapshot", "log"])
def test_another_version_is_refused_with_the_one_that_wrote_it(tmp_path: Path, kind: str) -> None:
    """In a file of a world: that world. In the store: the store. What that version can read is
    neither changed nor to be replaced."""
    asyncio.run(killed(tmp_path))
    [path] = tmp_path.glob(f"worlds/demo/*.{kind}")
    first, *rest = record.split(path.read_bytes())
    newer = record.decode(first, "") | {"version": 9, "mock": "7.0.0"}
    path.write_bytes(b"".join([record.encode(newer), *rest]))
    [log] = tmp_path.glob("worlds/demo/*.log")
    log.write_bytes(log.read_bytes() + b"1234")
    files = contents(tmp_path)
    problem = (
        f"{path.name}:1: expected version 1, got 9, written by runs-mock 7.0.0. "
        "Use that version, or another store."
    )
    with pytest.raises(HttpError) as caught:
        asyncio.run(export_again(tmp_path))
    assert caught.value.reason == f"The stored world 'demo' cannot be read: {problem}"
    assert [one.problem for one in list_stored(tmp_path)] == [problem]
    assert contents(tmp_path) == files
    (tmp_path / "store.json").write_text(json.dumps(newer))
    with pytest.raises(
        UsageError, match=r"expected version 1, got 9, written by runs-mock 7\.0\.0"
    ):
        DirectoryStore(tmp_path)
