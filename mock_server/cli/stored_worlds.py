"""``runs-mock worlds``, which needs no running mock."""

from collections.abc import Sequence

import click

from mock_server.cli.text import echo
from mock_server.engine.clock import to_text
from mock_server.errors import one_line
from mock_server.store.location import list_at, remove_at
from mock_server.store.store import Stored


@click.group(invoke_without_command=True)
@click.option(
    "--store",
    metavar="STORE",
    envvar="RUNS_MOCK_STORE",
    show_envvar=True,
    help="Where they are, as for serve: dir:PATH or valkey://HOST:PORT.",
)
@click.pass_context
def worlds(ctx: click.Context, store: str | None) -> None:
    """List the worlds in a store, also while a mock uses it, or remove some.

    For each: the time of its clock when its snapshot was taken, the runs then, the commands since,
    and when it was changed last. A world that cannot be read is listed with the reason, and the
    exit code is then 1.

    \b
    runs-mock worlds --store dir:./worlds
    runs-mock worlds remove test-old --store dir:./worlds
    """
    if ctx.invoked_subcommand is None:
        _print(ctx, list_at(_required(ctx, store)))


@worlds.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--store",
    metavar="STORE",
    help="Where they are: dir:PATH or valkey://HOST:PORT.  [env var: RUNS_MOCK_STORE]",
)
@click.pass_context
def remove(ctx: click.Context, names: tuple[str, ...], store: str | None) -> None:
    """Remove worlds from a store, with all their runs.

    No mock may use the directory, or have one of the worlds open in Valkey. If a name is unknown,
    nothing is removed.

    \b
    runs-mock worlds remove demo --store dir:./worlds
    runs-mock worlds remove test-a test-b --store valkey://localhost:6379/0
    """
    # Only the group reads the variable, so that an option before the command has precedence.
    before = None if ctx.parent is None else ctx.parent.params["store"]
    remove_at(_required(ctx, store or before), names, lambda name: echo(f"Removed {name}."))


def _required(ctx: click.Context, store: str | None) -> str:
    """Return the store. Raise MissingParameter for none."""
    if not store:
        option = next(one for one in ctx.command.params if one.name == "store")
        raise click.MissingParameter(ctx=ctx, param=option)
    return store


def _print(ctx: click.Context, found: Sequence[Stored]) -> None:
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
        ctx.exit(1)


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
