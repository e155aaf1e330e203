"""``runs-mock reset`` and ``state``: reset, export or import a world."""

import json
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from mock_server.cli.options import Instant, Speed
from mock_server.cli.remote import Remote, with_remote
from mock_server.cli.text import echo
from mock_server.engine.clock import to_text
from mock_server.engine.randomness import MAX_SEED
from mock_server.errors import UsageError


@click.command()
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), help="Where ids, names and durations come from."
)
@click.option("--now", type=Instant(), help="Its time, such as 2026-03-02T08:15:00Z.")
@click.option("--runs", type=click.IntRange(0, 10_000), help="How many past runs it opens with.")
@click.option("--live", type=click.IntRange(0, 1_000), help="How many runs are under way.")
@click.option("--clock", "scale", type=Speed(), help="real, frozen, or how many times real.")
@click.option("--start", metavar="NAME", help="What it opens with: demo, empty, edge-cases, ...")
@with_remote
def reset(mock: Remote, now: int | None, **given: Any) -> None:
    """Reset the world: delete every run and end every event stream. Options that are left out are
    as the mock was started with.

    \b
    runs-mock reset
    runs-mock reset --runs 0 --live 0 --clock frozen
    runs-mock reset --world test-me --seed 7 --now 2026-03-02T08:15:00Z
    """
    body = {name: value for name, value in given.items() if value is not None}
    if now is not None:
        body["now"] = to_text(now)
    _print(mock.post("/reset", body))


@click.group()
def state() -> None:
    """Export a world with all its runs, and import it, in this mock or another; open a failure of
    a conformance run.

    \b
    runs-mock state export monday.json
    runs-mock state import monday.json --world test-monday
    runs-mock state open failures/CANCEL-02.json
    """


@state.command("export")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), default="-")
@with_remote
def export(mock: Remote, file: Path) -> None:
    """Write the world to FILE, or to standard output."""
    document = mock.read("/state")
    if str(file) == "-":
        sys.stdout.buffer.write(document)
        return
    try:
        _write(file, document)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None


@state.command("import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@with_remote
def import_(mock: Remote, file: Path) -> None:
    """Import the world in FILE, or - for standard input, in place of the present one."""
    _print(mock.call("PUT", "/state", _read(file, "an exported world")))


@state.command("open")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@with_remote
def open_(mock: Remote, file: Path) -> None:
    """Open a new world with the runs of a failure: FILE is one that 'runs-conformance run
    --failures' wrote, or - for standard input.

    \b
    runs-mock state open failures/CANCEL-02.json
    """
    opened = mock.post("/failures", _read(file, "the file of a failure"))
    _print(opened)
    for note in opened["notes"]:
        echo(f"  {note}")


def _read(file: Path, what: str) -> Any:
    """Return the JSON in ``file``, or in standard input. Raise UsageError."""
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return json.loads(content)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: expected {what}: {error}") from None


def _write(file: Path, content: bytes) -> None:
    """Write ``content`` to ``file`` completely or not at all. Raise OSError."""
    if file.exists() and not file.is_file():  # A pipe or a device.
        file.write_bytes(content)
        return
    file = file.resolve()  # A symbolic link stays one.
    mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else None
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name[:100]}.", dir=file.parent)
    part = Path(name)
    try:
        with open(descriptor, "wb") as target:
            target.write(content)
            target.flush()
            os.fsync(descriptor)
        part.chmod(_default_mode() if mode is None else mode)
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _default_mode() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _print(world: dict[str, Any]) -> None:
    echo(f"{world['name']}  {world['now']}  {world['runs']} runs  seed {world['seed']}")
