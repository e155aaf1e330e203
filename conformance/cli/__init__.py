"""The command `runs-conformance`. A subcommand is loaded when it is called: what only looks things
up waits for none of the libraries that a run needs."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import NoReturn

import click

from conformance import __version__
from conformance.errors import KitError, missing_library
from conformance.vocabulary import ExitCode

_SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "Hold a service against the contract": {
            "run": ("run", "Run the checks and give a verdict."),
            "profile": ("profile", "Write down how it answers the open questions."),
            "diff": ("diff", "Show what changed from one report to another."),
            "setup": ("setup", "Try the set-up alone: which runs can be had."),
            "init": ("init", "Write a commented configuration file."),
        },
        "Look up": {
            "list": ("requirements", "Show the requirements."),
            "explain": (
                "requirements",
                "Tell what requirements demand, and what open questions leave open.",
            ),
            "states": ("requirements", "Show the states that runs can be wanted in."),
        },
    }
)
"""By heading and name: the module with the subcommand, and what it is for."""


class Subcommands(click.Group):
    """Finds subcommands in modules beside this one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in _SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in _SECTIONS.values():
            if cmd_name in section:
                module = import_module(f"{__name__}.{section[cmd_name][0]}")
                command: click.Command = getattr(module, f"{cmd_name}_command")
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, section in _SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, purpose) for name, (_, purpose) in section.items()])


@click.group(
    cls=Subcommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="runs-conformance")
def cli() -> None:
    """Hold an implementation of the Automation runs API against its contract.

    \b
    runs-conformance run --base-url http://127.0.0.1:8080 --token demo
    runs-conformance init
    runs-conformance list
    runs-conformance explain CANCEL-02
    """


def main() -> None:
    """The entry point; what the user can mend is a line or two and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal of another encoding shows a question mark rather than a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        cli(prog_name="runs-conformance")
    except KitError as fault:
        _exit(fault)
    except ModuleNotFoundError as error:
        _exit(missing_library(error))


def _exit(fault: KitError) -> NoReturn:
    for message, hint in fault.parts:
        click.secho(message, fg="red", bold=True)
        if hint:
            click.echo(hint)
    sys.exit(ExitCode.NO_VERDICT)
