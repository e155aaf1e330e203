"""``runs-mock clock``: the clock of a world."""

from typing import Any

import click

from mock_server.cli.options import Duration, Speed
from mock_server.cli.remote import Remote, with_remote
from mock_server.cli.text import echo
from mock_server.engine.clock import DAY, SECOND

MAX_ADVANCE = 31 * DAY
STATUSES = ("pending", "running", "completed", "failed", "cancelled")


@click.group(invoke_without_command=True)
@with_remote
@click.pass_context
def clock(context: click.Context, mock: Remote) -> None:
    """Show a world's time, or take it in hand.

    \b
    runs-mock clock                       what time it is, and when something happens next
    runs-mock clock freeze                stop; things happen only as you advance
    runs-mock clock advance 5m            five minutes later
    runs-mock clock advance --next        the next thing happens
    runs-mock clock advance --until RUN failed
    runs-mock clock resume                go on by itself
    runs-mock clock scale 60              a minute in every second
    """
    if context.invoked_subcommand is None:
        _print(mock.get("/clock"))


@clock.command()
@with_remote
def show(mock: Remote) -> None:
    """What time it is."""
    _print(mock.get("/clock"))


@clock.command()
@with_remote
def freeze(mock: Remote) -> None:
    """Stop; things happen only as you advance."""
    _print(mock.post("/clock/freeze"))


@clock.command()
@with_remote
def resume(mock: Remote) -> None:
    """Go on by itself, at the speed it had."""
    _print(mock.post("/clock/resume"))


@clock.command()
@click.argument("speed", type=Speed())
@with_remote
def scale(mock: Remote, speed: float) -> None:
    """Go SPEED times as fast as real time: real, 60, 0.5; frozen is the same as freeze."""
    if speed == 0:
        _print(mock.post("/clock/freeze"))
    else:
        _print(mock.post("/clock/scale", {"scale": speed}))


@clock.command()
@click.argument("duration", type=Duration(), required=False)
@click.option("--next", "to_next", is_flag=True, help="Only to the next thing that happens.")
@click.option(
    "--until",
    nargs=2,
    metavar="RUN STATUS",
    help=f"Only until the run has the status: {', '.join(STATUSES)}.",
)
@with_remote
def advance(
    mock: Remote, duration: int | None, to_next: bool, until: tuple[str, str] | None
) -> None:
    """Move forward by DURATION, such as 250ms, 30s, 5m, 1.5h or 2d; everything that is due by then
    has happened when the command is done. With --next or --until it is the farthest to go, a day
    where it is left out; when what was waited for has not happened by then, the exit code is 1.
    """
    if duration is None and not to_next and until is None:
        raise click.UsageError("how far? A duration such as 5m, --next, or --until RUN STATUS")
    if duration is not None and duration > MAX_ADVANCE:
        raise click.UsageError("31d is the farthest for one advance; go there in several")
    if to_next and until is not None:
        raise click.UsageError("--next or --until, not both")
    body: dict[str, Any] = {}
    if duration is not None:
        body["seconds"] = duration / SECOND
    if to_next:
        body["toNext"] = True
    if until is not None:
        body["until"] = {"run": until[0], "status": until[1]}
    shown = mock.post("/clock/advance", body)
    _print(shown)
    if shown.get("reached") is False:
        condition = "nothing happens by itself" if until is None else f"the run is not {until[1]}"
        echo(f"runs-mock: {condition} until then", err=True)
        click.get_current_context().exit(1)


def _print(shown: dict[str, Any]) -> None:
    echo(clock_line(shown))


def clock_line(shown: dict[str, Any]) -> str:
    """Return a clock as a line: world, time, speed, what is due next."""
    speed = "frozen" if shown["frozen"] else f"{shown['scale']:g} times real"
    if speed == "1 times real":
        speed = "real time"
    due = shown["nextDueAt"] or "nothing is due"
    return f"{shown['world']}  {shown['now']}  {speed}  next: {due}"
