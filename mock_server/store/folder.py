"""The files of one world: ``3.snapshot``, and the logs ``3.log``, ``4.log`` and so on."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path

from mock_server.engine.run_state import Json
from mock_server.store import record
from mock_server.store.append_file import AppendFile
from mock_server.store.store import DamagedError, GoneError, Saved, Stored, check_version, header


class Fsync(StrEnum):
    """When what was written has to be on the disk: before each response, within a second, or when
    the system decides."""

    ALWAYS = "always"
    EVERYSEC = "everysec"
    NO = "no"


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
        self._generation = max(self._numbers("*"), default=0)
        self._log: AppendFile | None = None
        self._dirty = False
        self.problem: str | None = None
        """Why the world has to be stored again: what was written may not be on the disk."""

    def load(self) -> Saved | None:
        """Return what is stored; remove the end of the last log that was never complete.

        Raise DamagedError.
        """
        self.close()
        generation = max(self._numbers("snapshot"), default=None)
        if generation is None:
            return None
        self._remove(lambda number: number < generation)
        for part in self.path.glob("*.part"):
            part.unlink()
        snapshot = record.split(self._file(generation, "snapshot").read_bytes())
        self._check(snapshot, f"{generation}.snapshot")
        if not snapshot[-1].endswith(b"\n"):
            raise DamagedError(f"{self._name}: {generation}.snapshot is cut short")
        numbers = [number for number in self._numbers("log") if number >= generation]
        self._generation = max([generation, *numbers])
        logs = [self._read_log(number, last=number == self._generation) for number in numbers]
        names = [f"{number}.log" for number in numbers]
        return Saved(snapshot, [log[1:] for log in logs], names)

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
        part = self._file(generation, "part")
        size = 0
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                for number, one in enumerate(records, 1):
                    size += file.write(one)
                    if number % _SLICE == 0:
                        await asyncio.sleep(0)
                file.flush()
                if self._fsync is not Fsync.NO:
                    await asyncio.to_thread(os.fsync, file.fileno())
            part.replace(self._file(generation, "snapshot"))
            if self._fsync is not Fsync.NO:
                for directory in (self.path, self.path.parent):
                    await asyncio.to_thread(sync_directory, directory)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        self.problem = None
        self._remove(lambda number: number < generation)
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
        """Remove the world."""
        self.close()
        for file in self.path.iterdir():
            file.unlink()
        self.path.rmdir()

    def describe(self, *, completely: bool = False) -> Stored | None:
        """Return what is stored, without changing anything; None for nothing.

        ``completely`` means that every record is checked, and not only the first.
        """
        head: Json = {}
        commands, size, used, problem = 0, 0, 0, None
        generation = max(self._numbers("snapshot"), default=None)
        if generation is None:
            return None
        try:
            for file in self.path.iterdir():
                found = file.stat()
                size += found.st_size
                used = max(used, found.st_mtime_ns // 1_000_000)
            with self._file(generation, "snapshot").open("rb") as opened:
                head = record.decode(opened.readline(), f"{generation}.snapshot")
            check_version(head, f"{generation}.snapshot")
            if completely:
                self._check_all(generation, "snapshot")
            for number in self._numbers("log"):
                if number >= generation:
                    content = self._file(number, "log").read_bytes()
                    commands += max(content.count(b"\n") - 1, 0)
                    if completely:
                        self._check_all(number, "log")
        except DamagedError as error:
            problem = str(error)
        except OSError as error:
            problem = error.strerror or str(error)
        return Stored(head.get("world") or self._name, head, commands, size, used, problem)

    def _check_all(self, number: int, kind: str) -> None:
        """Raise DamagedError where a record that was acknowledged is not what was written."""
        file = self._file(number, kind)
        content = file.read_bytes()
        if kind == "log":
            content = record.complete(content)
        elif not content.endswith(b"\n"):
            raise DamagedError(f"{file.name} is cut short")
        record.check(record.split(content), file.name)

    def _open_log(self) -> AppendFile:
        if self._log is None:
            path = self._file(self._generation, "log")
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

    def _read_log(self, number: int, *, last: bool) -> list[bytes]:
        path = self._file(number, "log")
        content = path.read_bytes()
        if last:
            valid = record.complete(content)
            if len(valid) != len(content):
                if valid.startswith(content):  # Only the end of the line is missing.
                    with path.open("ab") as file:
                        file.write(valid[len(content) :])
                else:
                    os.truncate(path, len(valid))
            content = valid
        records = record.split(content)
        if records:
            self._check(records, path.name)
        return records

    def _check(self, records: list[bytes], file: str) -> None:
        place = f"{self._name}: {file}"
        if not records:
            raise DamagedError(f"{place} is empty")
        check_version(record.decode(records[0], f"{place}:1"), place)

    def _file(self, generation: int, kind: str) -> Path:
        return self.path / f"{generation}.{kind}"

    def _numbers(self, kind: str) -> list[int]:
        found = self.path.glob(f"*.{kind}")
        return sorted(int(file.stem) for file in found if file.stem.isdecimal())

    def _remove(self, old: Callable[[int], bool]) -> None:
        for kind in ("snapshot", "log"):
            for number in self._numbers(kind):
                if old(number):
                    self._file(number, kind).unlink()


def sync_directory(path: Path) -> None:
    """Wait until the names of the files in ``path`` are on the disk. Raise OSError."""
    if os.name == "nt":
        return  # Windows does not open directories.
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
