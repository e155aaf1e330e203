"""Options of ``runs-mock serve`` for the store of the worlds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from mock_server.cli.options import add_options
from mock_server.errors import UsageError
from mock_server.settings import Settings
from mock_server.store.valkey_address import is_server, redacted

_OPTIONS = (
    click.option(
        "--store",
        default="memory",
        show_default=True,
        metavar="STORE",
        envvar="RUNS_MOCK_STORE",
        help="Where worlds are kept: memory, or where they survive a restart: dir:PATH, a "
        "directory, or valkey://HOST:PORT (redis://…), a server.",
    ),
    click.option(
        "--fsync",
        type=click.Choice(["always", "everysec", "no"]),
        default="everysec",
        show_default=True,
        envvar="RUNS_MOCK_FSYNC",
        help="When a change has to be on the disk of dir:PATH: before its response, within a "
        "second, or when the system decides.",
    ),
    click.option(
        "--advertise",
        metavar="URL",
        envvar="RUNS_MOCK_ADVERTISE",
        help="The URL at which other mocks that share the store reach this one, such as "
        "http://mock-1:8080: each forwards requests to the owner of their world.",
    ),
)


def store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of this module to ``command``."""
    return add_options(command, _OPTIONS)


def check_store(ctx: click.Context, failure: Path | None) -> None:
    """Raise UsageError if the store cannot have what the options ask for: the world of the file
    ``failure``, or ``--fsync`` without a directory."""
    store: str = ctx.params["store"]
    if failure is not None and store != Settings.store:
        raise UsageError(
            "--open and --store contradict each other: start the mock with the store, then "
            f"runs-mock state open {failure}"
        )
    _check_fsync(ctx, store)


def _check_fsync(ctx: click.Context, store: str) -> None:
    # A variable is meant for the store that another one names: --store has precedence over both.
    source = ctx.get_parameter_source("fsync")
    if source is ParameterSource.ENVIRONMENT:
        given = ctx.get_parameter_source("store") is not ParameterSource.COMMANDLINE
    else:
        given = source is ParameterSource.COMMANDLINE
    if not given or not (store == Settings.store or is_server(store)):
        return
    name = "RUNS_MOCK_FSYNC" if source is ParameterSource.ENVIRONMENT else "--fsync"
    raise UsageError(
        f"{name}: expected a store in a directory, got {redacted(store)}. Name one with --store "
        f"dir:PATH, or leave {name} out"
    )
