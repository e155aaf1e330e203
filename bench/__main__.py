"""The front door of the measurements: ``python -m bench``, from the top of a checkout."""

import signal
import sys
from typing import Any

import click

from bench import hostile as hostile_clients
from bench import proxying, reads, sizes, soak, startup, store, streams, takeover, workers
from bench.errors import BenchError
from bench.machine import Cores

rounds_option = click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How many interleaved rounds.",
)
seconds_option = click.option(
    "--seconds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How long each burst of load lasts.",
)
connections_option = click.option(
    "--connections",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="How many connections load the server.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.pass_context
def cli(context: click.Context) -> None:
    """Measure the mock side by side with its peers, on this machine.

    \b
    python -m bench reads              one run and a page, next to Starlette and Prism
    python -m bench startup            exec to the first answer
    python -m bench streams            reads while 1,000 streams are open; memory per stream
    python -m bench sizes              pages of a world of 100 and of 100,000 runs
    python -m bench store              changes with each kind of store, and a restart
    python -m bench takeover           the wait for the worlds of a mock that is killed
    python -m bench workers            reads with two workers: own, forwarded, handed over
    python -m bench proxy              what runs-conformance proxy adds to reads and streams
    python -m bench soak               a day of arrivals and 10,000 streams that come and go
    python -m bench all                the first four, one after the other
    python -m bench scaling            workers, store, takeover, streams and sizes in one run

    Servers run on the first core, whatever loads them on the others. Needs Linux, wrk, taskset,
    and for Prism: npm ci --prefix bench. Figures stand next to their targets; none is asserted.
    """
    context.obj = Cores.split()
    context.obj.stay_off()


@cli.command("reads")
@rounds_option
@seconds_option
@connections_option
@click.option("--prism/--no-prism", default=True, show_default=True, help="Next to Prism too.")
@click.pass_obj
def reads_command(cores: Cores, /, **options: Any) -> None:
    """Reading one run and a page of 100: mock, bare Starlette with orjson, Prism."""
    reads.measure(cores, **options)


@cli.command("startup")
@click.option(
    "--starts",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many starts are counted.",
)
@click.pass_obj
def startup_command(cores: Cores, /, starts: int) -> None:
    """From exec to the first 200 of the health check."""
    startup.measure(cores, starts)


@cli.command("streams")
@click.option(
    "--idle",
    type=click.IntRange(1, 5_000),
    default=1_000,
    show_default=True,
    help="How many streams are open on a run that hangs.",
)
@click.option(
    "--active",
    type=click.IntRange(0, 5_000),
    default=0,
    show_default=True,
    help="How many more follow a run that is under way, each its own.",
)
@click.option(
    "--scenario",
    default="diamond",
    show_default=True,
    help="What the active ones follow; when it is over, another of it.",
)
@click.option(
    "--seconds",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How long reads are timed, without streams and again with them.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=1, max=1_000),
    default=100,
    show_default=True,
    help="Reads a second.",
)
@click.pass_obj
def streams_command(cores: Cores, /, **options: Any) -> None:
    """Reads while event streams are open, and what an open stream costs."""
    streams.measure(cores, streams.Plan(**options))


@cli.command("sizes")
@click.option(
    "--runs",
    type=click.IntRange(1_000, 200_000),
    default=100_000,
    show_default=True,
    help="How many runs the large world holds; 100,000 take the better part of a minute to make.",
)
@rounds_option
@seconds_option
@connections_option
@click.pass_obj
def sizes_command(cores: Cores, /, **options: Any) -> None:
    """A filtered page at the beginning, middle and end of a small and a large world."""
    sizes.measure(cores, **options)


@cli.command("store")
@click.option(
    "--requests",
    type=click.IntRange(min=10),
    default=1_000,
    show_default=True,
    help="How many changes are timed in each round.",
)
@rounds_option
@click.pass_obj
def store_command(cores: Cores, /, requests: int, rounds: int) -> None:
    """Changes and reads with worlds in memory, in a directory and in Valkey."""
    store.measure(cores, requests, rounds)


@cli.command("takeover")
@rounds_option
@click.pass_obj
def takeover_command(cores: Cores, /, rounds: int) -> None:
    """The wait for the worlds of a mock that is killed, after its leases have ended."""
    takeover.measure(cores, rounds)


@cli.command("workers")
@click.option(
    "--requests",
    type=click.IntRange(min=100),
    default=1_000,
    show_default=True,
    help="How many reads of each kind a round has, about.",
)
@rounds_option
@click.pass_obj
def workers_command(cores: Cores, /, requests: int, rounds: int) -> None:
    """Reads of a mock with two workers, next to those of one process."""
    workers.measure(cores, requests, rounds)


@cli.command("soak")
@click.option(
    "--hours",
    type=click.IntRange(1, 744),
    default=24,
    show_default=True,
    help="How many hours of the world's time runs arrive.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 600),
    default=6,
    show_default=True,
    help="How many runs arrive a minute.",
)
@click.option(
    "--connects",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help="How many streams are opened and left.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How often; the first fills caches, the others are set against it.",
)
@click.option(
    "--hostile",
    type=click.IntRange(min=1),
    metavar="TIMES",
    help="Instead, let hostile clients of every kind come so often in each round.",
)
@click.pass_obj
def soak_command(cores: Cores, /, hostile: int | None, **options: Any) -> None:
    """What is left of a day of arrivals and of streams that came and went: memory, descriptors."""
    if hostile is None:
        soak.measure(cores, soak.Plan(**options))
    else:
        hostile_clients.measure(cores, hostile_clients.Plan(hostile, options["rounds"]))


@cli.command("proxy")
@rounds_option
@click.option(
    "--reads",
    type=click.IntRange(min=10),
    default=300,
    show_default=True,
    help="How many reads of each kind a round has.",
)
@click.pass_obj
def proxy_command(cores: Cores, /, **options: int) -> None:
    """Reads and streams by way of runs-conformance proxy, next to the same without it."""
    proxying.measure(cores, **options)


@cli.command("all")
@click.pass_context
def all_command(context: click.Context) -> None:
    """The first four with their defaults: some seven minutes."""
    _all(context, reads_command, startup_command, streams_command, sizes_command)


@cli.command("scaling")
@click.pass_context
def scaling_command(context: click.Context) -> None:
    """What docs/scaling.md is about, with defaults: workers, store, takeover, streams, sizes."""
    _all(context, workers_command, store_command, takeover_command, streams_command, sizes_command)


def _all(context: click.Context, *commands: click.Command) -> None:
    for command in commands:
        context.invoke(command)
        click.echo()


def main() -> None:
    """Run the command; what the user can mend is one line and exit code 2."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        cli.main(prog_name="python -m bench")
    except BenchError as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(2)


def _stop(number: int, frame: object) -> None:
    """End by way of every ``finally``, so that no child is left; a second signal changes nothing
    about that."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
