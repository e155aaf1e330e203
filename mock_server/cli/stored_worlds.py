"""``runs-mock worlds``, which needs no running mock."""

import click

from mock_server.cli.text import echo
from mock_server.engine.clock import to_text
from mock_server.errors import one_line
from mock_server.store.location import list_at
from mock_server.store.store import Stored


@click.command()
@click.option(
    "--store",
    metavar="STORE",
    required=True,
    envvar="RUNS_MOCK_STORE",
    show_envvar=True,
    help="Where they are, as for serve: dir:PATH or valkey://HOST:PORT.",
)
def worlds(store: str) -> None:
    """List the worlds in a store, also while a mock uses it.

    For each: the time of its clock when its snapshot was taken, the runs then, the commands since,
    and when it was changed last. A world that cannot be read is listed with the reason, and the
    exit code is then 1.

    \b
    runs-mock worlds --store dir:./worlds
    """
    found = list_at(store)
    if not found:
        echo("The store has no worlds yet.")
        return
    rows = [_HEADINGS, *map(_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        echo("  ".join(cells).rstrip())
    for one in found:
        if one.problem is not None:
            echo(one_line(f"{one.name}: {one.problem}"), err=True)
    if any(one.problem is not None for one in found):
        click.get_current_context().exit(1)


_HEADINGS = ("WORLD", "CLOCK AT SNAPSHOT", "RUNS", "COMMANDS SINCE", "BYTES", "LAST CHANGE")


def _row(stored: Stored) -> tuple[str, ...]:
    head = stored.head
    used = to_text(stored.used)[:-5] + "Z" if stored.used else "-"
    if stored.problem is not None:
        return (stored.name, "cannot be read", "-", "-", str(stored.size), used)
    clock = f"{to_text(head['at'])} {_speed(head['frozen'], head['scale'])}"
    return (
        stored.name,
        clock,
        str(head["runs"]),
        str(stored.commands),
        str(stored.size),
        used,
    )


def _speed(frozen: bool, scale: float) -> str:
    return "frozen" if frozen else "real" if scale == 1 else f"{scale:g}x"
