"""The command `runs-conformance`. A subcommand is loaded when it is called: looking something up
does not load the libraries that a run needs."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import NoReturn

import click

from conformance import __version__
from conformance.errors import KitError, missing_library
from conformance.redaction import harmless
from conformance.results.former_blob import remove_named
from conformance.vocabulary import ExitCode

_SECTIONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Test an API": {
            "run": "Run the checks and report the verdict.",
            "merge": "Conclude one verdict from shards of a run.",
            "replay": "Send the requests of a failure again.",
            "profile": "Write a behaviour profile of an API.",
            "record": "Write the runs of an API as files for the mock.",
            "diff": "Compare two reports.",
            "matrix": "Compare implementations and their history.",
            "baseline": "Write waivers for what fails today.",
            "setup": "Test the set-up only: which runs can be created or found.",
            "init": "Write a commented configuration file.",
        },
        "Watch traffic": {
            "proxy": "Pass traffic on to an API, and judge client and server.",
            "check-traffic": "Judge recorded traffic: a HAR file or NDJSON.",
        },
        "Review the contract": {
            "contract": "Compare versions, trace the evidence, print other forms.",
        },
        "For agents": {
            "mcp": "Serve the kit as tools, over the Model Context Protocol.",
        },
        "Look up": {
            "list": "Show the requirements.",
            "explain": "Explain requirements and open questions.",
            "states": "Show the states of runs that checks need.",
            "schema": "Print the JSON Schema of a file, for editors.",
        },
    }
)
"""The commands by heading, each with its purpose; its module has the same name."""

_OUTPUT_ERRORS = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG})


class Subcommands(click.Group):
    """Find subcommands in the modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in _SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in _SECTIONS.values():
            if cmd_name in section:
                name = cmd_name.replace("-", "_")
                module = import_module(f"{__name__}.{name}")
                command: click.Command = getattr(module, f"{name}_command")
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, section in _SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl(list(section.items()))


@click.group(
    cls=Subcommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="runs-conformance")
def cli() -> None:
    """Test an implementation of the Automation runs API against its contract.

    \b
    runs-conformance run --base-url http://127.0.0.1:8080 --token demo
    runs-conformance init
    runs-conformance list
    runs-conformance explain CANCEL-02
    """


def main() -> None:
    """Run the command. An error that the user can fix is a message, a hint and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal with another encoding shows a question mark instead of a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        # Also where click rejects an option, or a library is missing.
        remove_named(sys.argv[1:], os.environ)
        cli(prog_name="runs-conformance")
    except KitError as fault:
        _exit(fault)
    except ModuleNotFoundError as error:
        _exit(missing_library(error))
    except OSError as error:
        if error.filename is not None or error.errno not in _OUTPUT_ERRORS:
            raise
        _discard_output()
        click.echo(f"stdout: cannot write: {error.strerror}.", err=True)
        sys.exit(ExitCode.NO_VERDICT)


def _discard_output() -> None:
    """Send stdout nowhere, so that the interpreter does not fail to flush it at the end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit(fault: KitError) -> NoReturn:
    for message, hint in fault.parts:
        click.secho(harmless(message), fg="red", bold=True)
        if hint:
            click.echo(harmless(hint))
    sys.exit(ExitCode.NO_VERDICT)
