"""The folder of one world, whose files are written here."""

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path

from mock_server.store import integrity, record
from mock_server.store.append_file import AppendFile
from mock_server.store.store import GoneError, Saved, header
from mock_server.store.world_files import WorldFiles

logger = logging.getLogger("mock_server")


class Fsync(StrEnum):
    """When what was written has to be on the disk: before each response, within a second, or when
    the system decides."""

    ALWAYS = "always"
    EVERYSEC = "everysec"
    NO = "no"


REMOVED = ".removed"
"""How the name of a folder ends that is being removed; a name of a world gives no dot."""

_SLICE = 500
"""Records of a snapshot in one go; other work comes in between."""


class Folder:
    """The folder at ``path`` for the world ``name``. Every method may raise OSError."""

    def __init__(self, path: Path, name: str, fsync: Fsync) -> None:
        self._directories: set[Path] = (
            set()
        )  # In which there are names that may not be on the disk.
        if not path.is_dir():
            path.mkdir()
            self._directories.add(path.parent)
        self.path = path
        self._name = name
        self._fsync = fsync
        self._files = WorldFiles(path, name)
        self._generation = max(self._files.numbers("*"), default=0)
        self._log: AppendFile | None = None
        self._dirty = False
        self.problem: str | None = None
        """Why the world has to be stored again: what was written may not be on the disk."""

    def load(self) -> Saved | None:
        """Return what is stored; remove the end of the last log that was never complete.

        Raise DamagedError.
        """
        self.close()
        for part in self.path.glob("*.part"):
            part.unlink()
        generation = self._files.generation()
        if generation is None:
            return None
        saved = self._files.read(generation)
        integrity.head_of(saved)  # Nothing is changed that another version has written.
        self._repair(generation)
        self._generation = max([generation, *self._files.numbers("log")])
        return saved

    def append(self, data: bytes) -> Callable[[], None] | None:
        """Append records to the log; return what to call in a thread, if anything, before they
        count as written. Raise GoneError where the log was removed."""
        log = self._open_log()
        if log.removed:
            raise GoneError(f"{self._name}: its log was removed")
        if log.length == 0:
            data = record.encode(header(world=self._name)) + data
        log.append(data)
        if self._fsync is Fsync.ALWAYS:
            return self._syncing(log)
        self._dirty = True
        return None

    async def append_synced(self, data: bytes) -> None:
        """Append records to the log, and wait for the disk if the policy says so."""
        length = self._open_log().length
        sync = self.append(data)
        if sync is not None:
            log = self._open_log()
            try:
                await asyncio.to_thread(sync)
            except OSError as error:
                log.take_back(length)
                self.problem = f"fsync failed: {error.strerror}"
                raise

    async def rotate(self) -> int:
        """Begin the log of the next generation; the present one is complete on the disk then."""
        await self.flush()
        if self._log is not None:
            self._log.close()
            self._log = None
        self._generation += 1
        return self._generation

    async def snapshot(self, generation: int, records: Iterable[bytes]) -> int:
        """Write a snapshot aside, and then put it in its place; return its size."""
        part = self._files.file(generation, "part")
        size = 0
        self.path.mkdir(exist_ok=True)
        try:
            with part.open("wb") as file:
                for number, one in enumerate(records, 1):
                    size += file.write(one)
                    if number % _SLICE == 0:
                        await asyncio.sleep(0)
                file.flush()
                if self._fsync is not Fsync.NO:
                    await asyncio.to_thread(os.fsync, file.fileno())
            part.replace(self._files.file(generation, "snapshot"))
            if self._fsync is not Fsync.NO:
                for directory in (self.path, self.path.parent):
                    await asyncio.to_thread(sync_directory, directory)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
                if not self._files.numbers("*"):
                    self.path.rmdir()
            raise
        self.problem = None
        self._remove_before(generation)
        return size

    async def flush(self) -> None:
        """Wait until what was written is on the disk, unless the policy is ``no``."""
        if not self._dirty or self._log is None or self._fsync is Fsync.NO:
            return
        self._dirty = False
        try:
            await asyncio.to_thread(self._syncing(self._log))
        except OSError as error:
            # The system may have dropped what it could not write; a second attempt means nothing.
            self.problem = f"fsync failed: {error.strerror}"
            raise

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def remove(self) -> None:
        """Remove the world: at once, and never a part of it."""
        self.close()
        if self.path.is_symlink():
            shutil.rmtree(self.path.resolve())
            self.path.unlink()
            return
        removed = self.path.with_name(f"{self.path.name}{REMOVED}")
        self.path.rename(removed)
        shutil.rmtree(removed)

    def _open_log(self) -> AppendFile:
        if self._log is None:
            path = self._files.file(self._generation, "log")
            known = path.exists()
            self._log = AppendFile(path, path.stat().st_size if known else 0)
            if not known:
                self._directories.add(self.path)
        return self._log

    def _syncing(self, log: AppendFile) -> Callable[[], None]:
        """Return a function for a thread that waits until the log is on the disk, with its name."""
        sync_log = log.syncing()
        directories, self._directories = self._directories, set()

        def sync() -> None:
            sync_log()
            for directory in directories:
                with contextlib.suppress(FileNotFoundError):  # The next append finds it removed.
                    sync_directory(directory)

        return sync

    def _repair(self, generation: int) -> None:
        """Remove the end of the last log that was never complete."""
        end = self._files.end(generation)
        if end is None:
            return
        if end.rest:
            logger.warning(
                "%s: dropped the last %d bytes, which were never complete",
                end.path,
                end.rest,
            )
        os.truncate(end.path, end.length)
        with end.path.open("ab") as file:
            file.write(end.missing)

    def _remove_before(self, generation: int) -> None:
        for kind in ("snapshot", "log"):
            for number in self._files.numbers(kind):
                if number < generation:
                    self._files.file(number, kind).unlink()


def sync_directory(path: Path) -> None:
    """Wait until the names of the files in ``path`` are on the disk. Raise OSError."""
    if os.name == "nt":
        return  # Windows does not open directories.
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
