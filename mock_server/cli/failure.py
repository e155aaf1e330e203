"""The file of a failure that ``runs-mock serve --open`` opens as a world."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mock_server.cli.text import echo
from mock_server.errors import FileError, HttpError, RequestValidationError, UsageError
from mock_server.strict_json import JsonError, parse

if TYPE_CHECKING:
    from mock_server.worlds.registry import Worlds


class OpenedFailure(NamedTuple):
    """The name of a world, the number of its runs, and what it does not show as it was observed."""

    world: str
    runs: int
    notes: tuple[str, ...]

    def print(self) -> None:
        """Print it, with the credential."""
        runs = f"{self.runs} run{'' if self.runs == 1 else 's'}"
        echo(f"  Failure     the world {self.world} has {runs}; send X-API-Key: {self.world}")
        for note in self.notes:
            echo(f"              {note}")


def open_file(worlds: "Worlds", path: Path) -> OpenedFailure:
    """Open a world with the runs of the failure in ``path``. Raise UsageError."""
    # The libraries of worlds take long to load, and few mocks open a failure.
    from mock_server.worlds.from_failure.failure_file import MAX_SIZE  # noqa: PLC0415
    from mock_server.worlds.from_failure.world_document import open_failure  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            content = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise UsageError(f"--open: {path} cannot be read: {error.strerror}") from None
    if len(content) > MAX_SIZE:
        raise UsageError(f"--open: {path} is larger than {MAX_SIZE} bytes")
    try:
        document = parse(content)
        world, notes = asyncio.run(open_failure(worlds, document, ()))
    except JsonError as error:
        line = content.count(b"\n", 0, error.position) + 1
        raise FileError(path, line, "", f"{error}; {_HINT}") from None
    except RequestValidationError as error:
        first = error.errors[0]
        problem = first.msg[:1].lower() + first.msg[1:]
        raise FileError(path, None, "/".join(first.loc), f"{problem}; {_HINT}") from None
    except HttpError as error:
        raise UsageError(f"--open: {path}: {error.reason}") from None
    return OpenedFailure(world.name, len(world), notes)


_HINT = "write the file with: runs-conformance run --failures DIR"
