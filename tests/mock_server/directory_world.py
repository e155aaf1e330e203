"""A world in a directory, as a mock that was killed leaves it."""

from pathlib import Path

from stored_mock import Command, StoredMock

from mock_server.store.directory import DirectoryStore

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


def contents(path: Path) -> dict[str, bytes]:
    """Return the files of the world."""
    return {one.name: one.read_bytes() for one in path.glob("worlds/demo/*")}


async def export_again(path: Path) -> bytes:
    """Return the document of the world as another mock reads it."""
    store = DirectoryStore(path)
    try:
        return await StoredMock(store).export()
    finally:
        await store.close()
