"""Where worlds are stored, as ``--store`` names it."""

from pathlib import Path

from mock_server.errors import UsageError
from mock_server.store.directory import DirectoryStore
from mock_server.store.folder import Fsync
from mock_server.store.store import Store

MEMORY = "memory"
_DIRECTORY = "dir:"


def open_store(location: str, fsync: Fsync) -> Store | None:
    """Return the store at ``location``; None for the memory of the process.

    Raise UsageError for one that cannot be used.
    """
    if location == MEMORY:
        return None
    return DirectoryStore(directory(location), fsync)


def directory(location: str) -> Path:
    """Return the path in ``dir:PATH``. Raise UsageError."""
    path = location.removeprefix(_DIRECTORY)
    if not location.startswith(_DIRECTORY) or not path or "\0" in path:
        raise UsageError(
            f"--store: expected {MEMORY} or dir:PATH, got {location!r}. "
            "Name a directory, such as dir:worlds"
        )
    return Path(path).expanduser()
