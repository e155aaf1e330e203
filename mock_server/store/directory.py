"""Worlds in a directory of this machine, for one mock at a time."""

import asyncio
import contextlib
import errno
import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mock_server.engine.clock import wall
from mock_server.engine.randomness import new_token
from mock_server.errors import UsageError, one_line
from mock_server.store import directory_listing, file_lock
from mock_server.store.folder import REMOVED, Folder, Fsync
from mock_server.store.store import (
    FullError,
    GoneError,
    Renewal,
    Saved,
    Stored,
    StoreError,
    header,
)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The errors of a disk or a user that has no room left."""

_OWNER = 1
"""The epoch of every world: while the mock has the lock, no other can claim any."""


_REMOVED = "the directory was removed"

log = logging.getLogger("mock_server")


class DirectoryStore:
    """The worlds in ``path``; ``fsync`` says when changes have to be on the disk.

    Raise UsageError for a directory that cannot be used, such as one that another mock has.
    """

    def __init__(self, path: Path, fsync: Fsync = Fsync.EVERYSEC) -> None:
        self.label, self.shared, self.done = f"dir:{path}", False, 0
        self._path = path.absolute()
        self._fsync = fsync
        self._folders: dict[str, Folder] = {}
        self._lock: int | None = None
        self._holder: str | None = None
        """What is in the lock; workers have it in common, and no other mock, even if one in another
        container has the same process id."""
        try:
            self._open()
        except OSError as error:
            self._unlock()
            raise UsageError(
                one_line(
                    f"--store: expected a directory that can be written, got {self.label}: "
                    f"{error.strerror or error}. Choose another one"
                )
            ) from None
        except UsageError:
            self._unlock()
            raise

    @property
    def secret(self) -> str:
        return ""  # No other mock uses it.

    def earliest(self) -> int:
        return wall()

    def latest(self) -> int:
        return wall()

    async def claim(self, name: str, held: int | None = None) -> int:
        return _OWNER

    def is_certain(self, name: str) -> bool:
        return True

    def in_doubt(self, name: str) -> bool:
        return False  # What was written in part is taken back at once.

    async def confirm(self, name: str, epoch: int) -> None:
        pass

    async def renew(self, epochs: dict[str, int]) -> Renewal:
        with self._errors():
            self._restored()
        problems = {name for name, one in self._folders.items() if one.problem is not None}
        return Renewal(gone=[name for name in epochs if name in problems])

    async def try_out(self) -> None:
        pass  # The next change shows it.

    async def release(self, name: str, epoch: int) -> None:
        folder = self._folders.pop(name, None)
        if folder is not None:
            with self._errors():
                await folder.flush()
                folder.close()
                with contextlib.suppress(FileNotFoundError):  # It could not be stored.
                    os.utime(folder.path)

    async def load(self, name: str, epoch: int) -> Saved | None:
        with self._errors():
            return self._folder(name).load() if self._place(name).is_dir() else None

    async def append(
        self, name: str, epoch: int, records: Sequence[bytes], *, adds: bool = True
    ) -> None:
        with self._errors():
            folder = self._folder(name)
            if folder.problem is not None:
                raise GoneError(folder.problem)
            try:
                await folder.append_synced(b"".join(records))
            except FileNotFoundError:
                raise GoneError(f"{name}: its folder was removed") from None
            self.done += 1

    async def rotate(self, name: str, epoch: int) -> int:
        with self._errors():
            self._restored()
            return await self._folder(name).rotate()

    async def snapshot(
        self, name: str, epoch: int, generation: int, records: Iterable[bytes]
    ) -> int:
        with self._errors():
            if self._restored():
                raise GoneError(_REMOVED)
            size = await self._folder(name).snapshot(generation, records)
            self.done += 1
            return size

    async def owner(self, name: str) -> str | None:
        return None  # No other mock has the lock.

    async def delete(self, name: str) -> bool:
        with self._errors():
            found = self._place(name).is_dir()
            if found:
                self._folder(name).remove()
            self._folders.pop(name, None)
        return found

    async def list_worlds(self) -> Sequence[Stored]:
        with self._errors():
            return await asyncio.to_thread(directory_listing.worlds, self._path)

    async def flush(self) -> None:
        with self._errors():
            for folder in list(self._folders.values()):
                await folder.flush()

    async def close(self) -> None:
        try:
            with self._errors():
                for folder in self._folders.values():
                    await folder.flush()
                    folder.close()
        finally:
            self._unlock()

    def _open(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        about = self._path / "store.json"
        if not about.exists():
            others = [one.name for one in self._path.iterdir() if one.name != "lock"]
            if others:
                raise UsageError(
                    f"--store: expected an empty directory or a store, got {self.label}, which "
                    f"contains {others[0]!r}. Name a directory of its own"
                )
        lock, text = self._path / "lock", self._holder or f"{os.getpid()} {new_token()[:6]}\n"
        try:
            # Workers inherit the first lock, and each of them restores it by itself.
            self._lock = file_lock.lock(lock, text, shared=self._holder is not None)
        except BlockingIOError:
            raise UsageError(
                f"--store: {self.label} is in use by {file_lock.holder(lock)}. Stop that, or name "
                "another directory"
            ) from None
        if about.exists():
            directory_listing.read_about(self._path)
        else:
            part = self._path / "store.json.part"
            part.write_text(json.dumps(header()) + "\n", encoding="utf-8")
            part.replace(about)
        worlds = self._path / "worlds"
        worlds.mkdir(exist_ok=True)
        for folder in worlds.iterdir():
            if folder.suffix == REMOVED:
                shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # Only a world that was never stored has none.
                folder.rmdir()

        self._holder = text

    def _restored(self) -> bool:
        """Restore the directory if it was removed, so that the open worlds are stored again; return
        whether it was. Raise StoreError."""
        former = self._lock
        if former is None or file_lock.is_at(self._path / "lock", former):
            return False
        try:
            self._open()
        except (UsageError, OSError) as error:
            if self._lock != former:
                self._unlock()
            self._lock = former
            if isinstance(error, OSError):
                raise
            raise StoreError(f"{_REMOVED}; {str(error).removeprefix('--store: ')}") from None
        os.close(former)
        log.warning("the store %s: %s, and is written again", self.label, _REMOVED)
        for folder in self._folders.values():
            folder.problem = _REMOVED
        return True

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _place(self, name: str) -> Path:
        return self._path / "worlds" / directory_listing.folder_name(name)

    def _folder(self, name: str) -> Folder:
        folder = self._folders.get(name)
        if folder is None:
            folder = self._folders[name] = Folder(self._place(name), name, self._fsync)
        return folder

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            failed = FullError if error.errno in _FULL else StoreError
            raise failed(one_line(f"{place}{error.strerror or error}")) from None
