"""The files of one world, as they are read: ``3.snapshot``, and the logs ``3.log``, ``4.log``."""

from pathlib import Path
from typing import NamedTuple

from mock_server.engine.run_state import Json
from mock_server.store import integrity, record
from mock_server.store.store import DamagedError, Saved, Stored, check_version


class End(NamedTuple):
    """The end of the log in ``path`` as it has to be: after ``length`` bytes come ``missing``, and
    nothing else, in place of the ``rest`` that was never complete."""

    path: Path
    length: int
    missing: bytes
    rest: int


class WorldFiles:
    """The files of the world ``name`` in ``path``, which are only read.

    Every method may raise OSError, and DamagedError without the name of the world.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name

    def file(self, generation: int, kind: str) -> Path:
        """Return the path of the snapshot or the log of that generation."""
        return self._path / f"{generation}.{kind}"

    def numbers(self, kind: str) -> list[int]:
        """Return the generations of which there is a file of that kind; ``*`` is any."""
        found = self._path.glob(f"*.{kind}")
        return sorted(int(file.stem) for file in found if file.stem.isdecimal())

    def generation(self) -> int | None:
        """Return the generation of the snapshot; None where nothing is stored."""
        generation = max(self.numbers("snapshot"), default=None)
        if generation is None:
            logs = (self.file(number, "log").read_bytes() for number in self.numbers("log"))
            if any(map(record.complete, logs)):
                raise DamagedError("its snapshot is missing")
        return generation

    def read(self, generation: int) -> Saved:
        """Return the world from its snapshot of that generation on, without the end of the last log
        that was never complete."""
        path = self.file(generation, "snapshot")
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            raise DamagedError(f"{path.name} is cut short")
        numbers, logs = self._logs(generation)
        names = [self.file(number, "log").name for number in numbers]
        return Saved(record.split(content), [log[1:] for log in logs], names, path.name, 2)

    def end(self, generation: int) -> End | None:
        """Return the end of the last log from that generation on; None if it is as it has to be."""
        number = max(self.numbers("log"), default=-1)
        if number < generation:
            return None
        path = self.file(number, "log")
        content = path.read_bytes()
        valid = record.complete(content)
        if valid == content:
            return None
        length = len(valid) if content.startswith(valid) else len(valid) - 1
        return End(path, length, valid[length:], len(content) - length)

    def describe(self, *, completely: bool = False) -> Stored | None:
        """Return what is stored; None for nothing.

        ``completely`` means that every record is checked, and not only the first of each file.
        """
        head: Json = {}
        commands, size, used, problem = 0, 0, 0, None
        try:
            for file in self._path.iterdir():
                found = file.stat()
                size += found.st_size
                used = max(used, found.st_mtime_ns // 1_000_000)
            generation = self.generation()
            if generation is None:
                return None
            path = self.file(generation, "snapshot")
            with path.open("rb") as opened:
                head = record.decode(opened.readline(), f"{path.name}:1")
            check_version(head, f"{path.name}:1")
            commands = sum(max(len(log) - 1, 0) for log in self._logs(generation)[1])
            if completely:
                integrity.check(self.read(generation))
        except DamagedError as error:
            problem = error.advice
        except FileNotFoundError:
            raise
        except OSError as error:
            problem = error.strerror or str(error)
        return Stored(self._name, head, commands, size, used, problem)

    def _logs(self, generation: int) -> tuple[list[int], list[list[bytes]]]:
        """Return the numbers of the logs from that generation on, and the records of each."""
        numbers = [number for number in self.numbers("log") if number >= generation]
        return numbers, [self._log(number, last=number == numbers[-1]) for number in numbers]

    def _log(self, number: int, *, last: bool) -> list[bytes]:
        path = self.file(number, "log")
        content = path.read_bytes()
        records = record.split(record.complete(content) if last else content)
        if records:
            check_version(record.decode(records[0], f"{path.name}:1"), f"{path.name}:1")
        if records and not records[-1].endswith(b"\n"):
            raise DamagedError(f"{path.name}:{len(records)}: the record is cut short")
        return records
