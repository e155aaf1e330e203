"""``runs-mock worlds``: listing the worlds in a store, and removing them."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from directory_world import killed
from stored_mock import StoredMock

from mock_server.cli import main
from mock_server.store.directory import DirectoryStore

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run runs-mock, and return its exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        return (int(ended.value.code or 0), *capsys.readouterr())

    return run


def store_worlds(path: Path, *names: str) -> None:
    """Store worlds, and leave the store."""

    async def check() -> None:
        store = DirectoryStore(path)
        mock = StoredMock(store)
        for name in names:
            await mock.open(name)
        await mock.keeper.stop()

    asyncio.run(check())


def folders(path: Path) -> list[str]:
    return sorted(one.name for one in (path / "worlds").iterdir())


def test_worlds_are_removed(tmp_path: Path, command: Command) -> None:
    """With the option before or after the name of the command; the others stay."""
    store_worlds(tmp_path, "demo", "test-a", "test-b.c", "test-d")
    store = ("--store", f"dir:{tmp_path}")
    done = command("worlds", "remove", "test-a", "test-b.c", "test-a", *store)
    assert done == (0, "Removed test-a.\nRemoved test-b.c.\n", "")
    assert command("worlds", *store, "remove", "test-d") == (0, "Removed test-d.\n", "")
    code, shown, _ = command("worlds", *store)
    assert (code, [line.split()[0] for line in shown.splitlines()]) == (0, ["WORLD", "demo"])
    assert command("worlds", "remove", "demo", *store)[0] == 0
    assert command("worlds", *store) == (0, "The store has no worlds yet.\n", "")


def test_a_damaged_world_is_removed(tmp_path: Path, command: Command) -> None:
    """By the name in the list, also where nothing in its files is readable."""
    store_worlds(tmp_path, "test-a.b")
    [snapshot] = tmp_path.glob("worlds/*/*.snapshot")
    snapshot.write_text("text\n")
    store = ("--store", f"dir:{tmp_path}")
    code, shown, problem = command("worlds", *store)
    assert code == 1
    assert shown.splitlines()[1].startswith("test-a.b  cannot be read")
    assert problem.startswith("test-a.b: 1.snapshot:1: the record does not match its checksum")
    assert command("worlds", "remove", "test-a.b", *store) == (0, "Removed test-a.b.\n", "")
    assert folders(tmp_path) == []


def test_an_unknown_name_removes_nothing(tmp_path: Path, command: Command) -> None:
    """The error names some of those that are there."""
    names = [f"test-{letter}" for letter in "abcdefg"]
    store_worlds(tmp_path, *names)
    code, shown, problem = command(
        "worlds", "remove", "test-a", "test-x", "--store", f"dir:{tmp_path}"
    )
    assert (code, shown) == (2, "")
    assert problem == (
        f"runs-mock: test-x: expected a world in dir:{tmp_path}, which has test-a, test-b, test-c, "
        "test-d, test-e and 2 more. Correct the name; nothing was removed\n"
    )
    assert folders(tmp_path) == names
    store_worlds(tmp_path / "empty")
    _, _, problem = command("worlds", "remove", "x", "--store", f"dir:{tmp_path / 'empty'}")
    assert "which has none." in problem


def test_a_store_in_use_keeps_its_worlds(tmp_path: Path, command: Command) -> None:
    asyncio.run(killed(tmp_path))
    store = DirectoryStore(tmp_path)
    code, shown, problem = command("worlds", "remove", "demo", "--store", f"dir:{tmp_path}")
    assert (code, shown) == (2, "")
    assert "is in use by process" in problem
    assert folders(tmp_path) == ["demo"]
    store._unlock()


def test_a_store_is_named_and_not_created(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An option has precedence over the variable, also before the command."""
    for arguments in (["worlds"], ["worlds", "remove", "demo"]):
        code, _, problem = command(*arguments)
        assert code == 2
        assert "Missing option '--store'" in problem
    absent = tmp_path / "absent"
    code, _, problem = command("worlds", "remove", "demo", "--store", f"dir:{absent}")
    assert (code, absent.exists()) == (2, False)
    assert f"expected a store in {absent}, found none" in problem
    assert "got memory" in command("worlds", "remove", "demo", "--store", "memory")[2]
    for name in ("one", "two"):
        store_worlds(tmp_path / name, "demo")
    monkeypatch.setenv("RUNS_MOCK_STORE", f"dir:{tmp_path / 'one'}")
    assert command("worlds", "--store", f"dir:{tmp_path / 'two'}", "remove", "demo")[0] == 0
    assert (folders(tmp_path / "one"), folders(tmp_path / "two")) == (["demo"], [])
    assert command("worlds", "remove", "demo")[0] == 0
    assert folders(tmp_path / "one") == []


def test_a_copy_of_a_folder_is_not_a_world(tmp_path: Path, command: Command) -> None:
    """Its name is not that of a folder which the mock makes."""
    store = tmp_path / "store"
    store_worlds(store, "test-a")
    for copy in ("test-a.bak", "TEST-b", "%74est-c"):
        shutil.copytree(store / "worlds" / "test-a", store / "worlds" / copy)
    code, shown, _ = command("worlds", "--store", f"dir:{store}")
    assert (code, [line.split()[0] for line in shown.splitlines()[1:]]) == (0, ["test-a"])
    code, _, problem = command("worlds", "remove", "test-a.bak", "--store", f"dir:{store}")
    assert code == 2
    assert "test-a.bak: expected a world in" in problem
    assert (store / "worlds" / "test-a.bak").is_dir()


@pytest.mark.skipif(os.name == "nt", reason="symbolic links")
def test_a_folder_may_be_a_link(tmp_path: Path, command: Command) -> None:
    """Such as to another disk; its world is removed, and the store goes on to work."""
    store, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    store_worlds(store, "test-a", "test-b")
    (store / "worlds" / "test-a").rename(elsewhere)
    (store / "worlds" / "test-a").symlink_to(elsewhere)
    code, shown, _ = command("worlds", "remove", "test-a", "--store", f"dir:{store}")
    assert (code, shown) == (0, "Removed test-a.\n")
    assert not elsewhere.exists()
    (store / "worlds" / "test-c.removed").write_text("left")
    store_worlds(store, "test-b")
