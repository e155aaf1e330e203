"""Where worlds are stored, as ``--store`` names it."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from mock_server.errors import UsageError
from mock_server.store.directory import DirectoryStore
from mock_server.store.directory_listing import list_stored, read_about
from mock_server.store.folder import Fsync
from mock_server.store.removal import remove
from mock_server.store.store import Store, Stored, StoreError
from mock_server.store.valkey_address import is_server, redacted

MEMORY = "memory"
_DIRECTORY = "dir:"


def open_store(location: str, fsync: Fsync, advertised: str | None = None) -> Store | None:
    """Return the store at ``location``; None for the memory of the process.

    ``advertised`` is the URL of this mock for other mocks that use the store.

    Raise UsageError for one that cannot be used.
    """
    if location == MEMORY:
        return None
    server = _server(location, advertised)
    return DirectoryStore(_directory(location), fsync) if server is None else server


def list_at(location: str) -> Sequence[Stored]:
    """Return the worlds at ``location`` by name, also while a mock uses them. Raise UsageError."""
    server = _present(location)
    if server is None:
        return list_stored(_directory(location))
    return asyncio.run(_list(server))


def remove_at(location: str, names: Sequence[str], removed: Callable[[str], None]) -> None:
    """Remove the worlds of these names at ``location``, and call ``removed`` with each.

    Raise UsageError: nothing is removed if one of them is not stored or in use.
    """
    store = _present(location)
    if store is None:
        path = _directory(location)
        read_about(path)
        store = DirectoryStore(path)
    asyncio.run(remove(store, names, removed))


def _present(location: str) -> Store | None:
    """Return the store on a server, which is not created; None for a directory."""
    if location == MEMORY:
        raise UsageError(
            "--store: expected dir:PATH or valkey://HOST:PORT, got memory, which keeps no worlds. "
            "Name the store of a mock"
        )
    return _server(location, writes=False)


async def _list(store: Store) -> Sequence[Stored]:
    try:
        return await store.list_worlds()
    except StoreError as error:
        raise UsageError(f"--store: {store.label} fails: {error}. Repair it") from None
    finally:
        await store.close()


def _server(location: str, advertised: str | None = None, *, writes: bool = True) -> Store | None:
    """Return the store on a server; None where ``location`` names another kind of store."""
    if not is_server(location):
        return None
    try:
        from mock_server.store.valkey import ValkeyStore  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise UsageError(
            "--store: expected the library redis, found none. Run "
            "pip install 'automation-runs-kit[mock,store]'"
        ) from None
    return ValkeyStore(location, advertised, writes=writes)


def _directory(location: str) -> Path:
    """Return the path in ``dir:PATH``. Raise UsageError."""
    path = location.removeprefix(_DIRECTORY)
    if not location.startswith(_DIRECTORY) or not path or "\0" in path:
        raise UsageError(
            f"--store: expected {MEMORY}, dir:PATH or valkey://HOST:PORT, "
            f"got {redacted(location)!r}. "
            "Name a directory, such as dir:worlds"
        )
    return Path(path).expanduser()
