"""``runs-mock serve``: serve the mock until Ctrl-C."""

import contextlib
import gc
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mock_server import resources
from mock_server.cli.failure import OpenedFailure, open_file
from mock_server.cli.fallback_options import fallback_options, read_fallback
from mock_server.cli.greeting import greeting
from mock_server.cli.options import (
    GroupedOptions,
    Instant,
    Speed,
    scenarios_option,
)
from mock_server.cli.request_lines import RequestLines
from mock_server.cli.scenario_directory import scenario_folder, start_files
from mock_server.cli.setup_options import read_token, setup_options, starting_rules
from mock_server.cli.store_options import check_store, store_options
from mock_server.engine import behaviour as behaviours
from mock_server.engine.randomness import MAX_SEED
from mock_server.errors import UsageError
from mock_server.file_limits import RESERVED_DESCRIPTORS, raise_limit
from mock_server.settings import (
    MAX_STREAMS,
    SPARE_CONNECTIONS,
    Access,
    ConnectionLimits,
    Settings,
    host_of,
    is_loopback,
)
from mock_server.worlds.registry import NAME, TEST_PREFIX

if TYPE_CHECKING:
    from mock_server.cluster.worker_pool import WorkerPool


class WorldNames(click.ParamType[Any]):
    """Names of worlds, separated by commas."""

    name = "names"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        for name in names:
            if not NAME.fullmatch(name):
                self.fail(f"{name!r}: a name is lower-case letters, digits, . _ and -", param, ctx)
            if name.startswith(TEST_PREFIX):
                self.fail(f"{name!r}: worlds of that beginning open by themselves", param, ctx)
            if names.count(name) > 1:
                self.fail(f"{name!r} is a duplicate; remove one", param, ctx)
        if not names:
            self.fail("name at least one world", param, ctx)
        return names


class HostNames(click.ParamType[Any]):
    """Host names, separated by commas."""

    name = "hosts"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(host.strip().lower() for host in value.split(",") if host.strip())


GROUPS = {
    "Address": "host port workers",
    "Time and content": "scale now seed start behaviour declared directory reloads failure",
    "Store": "store fsync advertise",
    "Faults": "faults latency",
    "Real backend": "fallback fallback_operations fallback_runs",
    "Access": "token token_file hosts accept_any_token world_claim",
    "Browsers and proxies": "cors_origins root_path trusted_proxies",
    "Limits": "max_worlds max_streams",
    "Output": "access_log quiet",
}


@click.command(cls=GroupedOptions, groups=GROUPS)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    envvar="RUNS_MOCK_HOST",
    help="Address to listen on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8080,
    show_default=True,
    envvar="RUNS_MOCK_PORT",
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    envvar="RUNS_MOCK_WORKERS",
    help="How many processes serve the port; each world belongs to one of them.",
)
@click.option(
    "--clock",
    "scale",
    type=Speed(),
    default="real",
    show_default=True,
    envvar="RUNS_MOCK_CLOCK",
    help="How fast time goes: real, frozen, or how many times real.",
)
@click.option(
    "--now",
    type=Instant(),
    envvar="RUNS_MOCK_NOW",
    help="The date and time every world begins with.  [default: the machine's]",
)
@click.option(
    "--seed",
    type=click.IntRange(0, MAX_SEED),
    default=1,
    show_default=True,
    envvar="RUNS_MOCK_SEED",
    help="Seed of ids, names and durations: the same seed gives the same runs.",
)
@click.option(
    "--start",
    default="demo",
    show_default=True,
    metavar="NAME|FILE",
    envvar="RUNS_MOCK_START",
    help="What every world opens with: demo, empty, edge-cases, ten-thousand, a world of the "
    "directory of --scenarios, or a .yaml file of your own.",
)
@click.option(
    "--behaviour",
    default="default",
    show_default=True,
    metavar="NAME|FILE",
    envvar="RUNS_MOCK_BEHAVIOUR",
    help="How the contract's open questions are answered: one of the profiles that come with the "
    "mock (runs-mock behaviours lists them) or a .yaml file of your own.",
)
@click.option(
    "--worlds",
    "declared",
    type=WorldNames(),
    default="demo,acme,globex",
    show_default=True,
    envvar="RUNS_MOCK_WORLDS",
    help="Tenants, in addition to the test-… ones that open by themselves.",
)
@scenarios_option
@click.option(
    "--most-worlds",
    "max_worlds",
    type=click.IntRange(1, 10_000),
    default=256,
    show_default=True,
    envvar="RUNS_MOCK_MOST_WORLDS",
    help="How many worlds are kept; of the test-… ones the longest idle goes first.",
)
@click.option(
    "--most-streams",
    "max_streams",
    type=click.IntRange(1, 1_000_000),
    envvar="RUNS_MOCK_MOST_STREAMS",
    help="How many event streams may be open.  [default: 20000, or what the system allows]",
)
@store_options
@click.option(
    "--control-token",
    "token",
    envvar="RUNS_MOCK_CONTROL_TOKEN",
    help="Require this token (X-Mock-Token) for the control API.  [default: requests from this "
    "machine only, and not from pages of other origins]",
)
@click.option(
    "--allowed-host",
    "--allow-host",
    "hosts",
    type=HostNames(),
    default="",
    envvar=["RUNS_MOCK_ALLOWED_HOST", "RUNS_MOCK_ALLOW_HOST"],
    help="More host names of the mock; for the API, * is any name.  [default: local names, and for "
    "the API any name if --host is not a loopback address]",
)
@setup_options
@fallback_options
@click.option(
    "--reload/--no-reload",
    "reloads",
    default=None,
    envvar="RUNS_MOCK_RELOAD",
    help="Take up changes to the files that --scenarios and --behaviour name, without losing any "
    "run.  [default: if they name files of your own]",
)
@click.option(
    "--access-log",
    is_flag=True,
    envvar="RUNS_MOCK_ACCESS_LOG",
    help="Print a line for each request to the API, also where stdout is not a terminal.",
)
@click.option(
    "-q",
    "--quiet",
    is_flag=True,
    envvar="RUNS_MOCK_QUIET",
    help="Print no requests in a terminal.",
)
def serve(
    host: str,
    port: int,
    access_log: bool,
    quiet: bool,
    directory: Path | None,
    behaviour: str,
    reloads: bool | None,
    hosts: tuple[str, ...],
    **options: Any,
) -> None:
    """Serve the API until Ctrl-C.

    \b
    runs-mock serve --port 9000
    runs-mock serve --clock frozen --now 2026-03-02T08:15:00Z --seed 7
    runs-mock serve --start empty --scenarios ./scenarios
    runs-mock serve --store dir:./worlds
    runs-mock serve --workers 4
    runs-mock serve --store valkey://db --advertise http://mock-1:8080
    runs-mock serve --host 0.0.0.0 --control-token "$TOKEN"

    Every option can also be set in the environment, as RUNS_MOCK_PORT and so on; the option wins.
    """
    gc.disable()  # Start-up creates no garbage worth collecting.
    with warnings.catch_warnings():
        # Connexion imports deprecated names; PYTHONWARNINGS may make errors of it.
        warnings.simplefilter("ignore")
        # The libraries of the server take half a second to load, and only this command needs them.
        from mock_server.app import Mock  # noqa: PLC0415
        from mock_server.reload import Reload  # noqa: PLC0415
        from mock_server.server import address, bind_all  # noqa: PLC0415

    profile = behaviours.locate(behaviour, resources.behaviours_dir())
    profile_behaviour = behaviours.read(profile)
    custom_profile = None if profile.parent == resources.behaviours_dir() else profile
    if reloads and directory is None and custom_profile is None:
        raise UsageError(
            "--reload has nothing to watch: name files of your own with --scenarios or --behaviour"
        )
    options["start"], more_starts = start_files(directory, options["start"])
    directory = scenario_folder(directory)
    listening_host = host_of(host)
    token = read_token(options.pop("token"), options.pop("token_file"))
    options["rules"] = starting_rules(options.pop("faults"), options.pop("latency"))
    access = Access(
        token,
        tuple(name for name in (*hosts, listening_host) if name not in (None, "*")),
        any_host="*" in hosts or not is_loopback(host),
    )
    options["fallback"] = read_fallback(options)
    failure: Path | None = options.pop("failure")
    check_store(click.get_current_context(), failure)
    workers: int = options.pop("workers")
    server_class, shared = _server_class(options, workers, access)
    max_streams = _streams(options.pop("max_streams"))
    settings = Settings(
        scenarios=directory,
        more_starts=more_starts,
        behaviour=profile_behaviour,
        access=access,
        max_streams=max_streams,
        limits=ConnectionLimits(connections=max_streams + SPARE_CONNECTIONS),
        **options,
    )
    several = None if workers == 1 else _worker_pool(workers, settings)
    listeners = bind_all(host, port)
    shows_requests = access_log or (not quiet and sys.stdout is not None and sys.stdout.isatty())
    lines = RequestLines() if shows_requests else None
    try:
        mock = Mock(settings, lines, **(several.shared if several else shared))
        opened = None if failure is None else open_file(mock.worlds, failure)
        watched = reloads is not False and (directory or custom_profile)
        report = several.once(_print) if several else _print
        reload = Reload(mock, directory, custom_profile, report) if watched else None
        background = reload.run if reload else None
        lines_at_start = greeting(address(listeners[0], host), settings, mock.keeper)
        if several is not None:
            several.open(mock, listeners, background, _tune)
    except UsageError:
        for listener in listeners:
            listener.close()
        raise
    if several is not None:
        several.run(partial(_greet, lines_at_start, opened), _print)
    server = server_class(mock, partial(_ready, lines_at_start, opened), background=background)
    # uvicorn stops on Ctrl-C and then raises it again.
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=listeners)
    if lines is not None:
        lines.close()


def _server_class(
    options: dict[str, Any], workers: int, access: Access
) -> tuple[Any, dict[str, Any]]:
    """Return what makes the server, and what its mock is to use. Raise UsageError."""
    if options["advertise"] is None:
        from mock_server.server import Server  # noqa: PLC0415 - it takes long to load

        return Server, {}
    from mock_server.cluster import presence, replicas  # noqa: PLC0415 - one mock needs none of it

    options["advertise"] = replicas.check(options["advertise"], options["store"], workers)
    common = presence.in_common(access.token)
    return partial(replicas.ReplicaServer, in_common=common), common._asdict()


def _worker_pool(workers: int, settings: Settings) -> "WorkerPool":
    from mock_server.cluster.worker_pool import WorkerPool  # noqa: PLC0415 - one worker needs none of it

    return WorkerPool(workers, settings)


def _streams(wanted: int | None) -> int:
    """Return the maximum of event streams; print a line when it is lower than ``wanted``."""
    maximum = MAX_STREAMS if wanted is None else wanted
    limit = raise_limit()
    if limit is None or maximum + RESERVED_DESCRIPTORS <= limit:
        return maximum
    lower = max(limit - RESERVED_DESCRIPTORS, 1)
    if wanted is not None:
        line = f"this system allows {limit} open files, so {lower} event streams may be open"
        _print(f"{line}, not {wanted}; raise its limit (ulimit -Hn), or ask for fewer", False)
    return lower


def _ready(greeting: str, opened: OpenedFailure | None) -> None:
    _tune()
    _greet(greeting, opened)


def _tune() -> None:
    """Prepare the garbage collector for serving."""
    gc.freeze()
    # A full collection takes a third of a second with five thousand streams open, and old objects
    # are hardly ever garbage: a tenth as often is enough.
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 100)
    gc.enable()


def _greet(greeting: str, opened: OpenedFailure | None) -> None:
    click.echo(greeting)
    if opened is not None:
        opened.print()


def _print(line: str, good: bool) -> None:
    with contextlib.suppress(OSError):  # The mock goes on when what read its output has ended.
        click.echo(f"runs-mock: {line}", err=not good)
