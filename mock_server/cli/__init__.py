"""The command ``runs-mock``: one subcommand for everything a person does by hand.

A subcommand is loaded when it is called: those that talk to a running mock answer at once, and wait
for none of the server's libraries.
"""

import io
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType

import click
from click.core import ParameterSource

from mock_server import __version__
from mock_server.errors import UsageError, explain_missing_library
from mock_server.gc_tuning import without_gc

_SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "Serve": {
            "serve": ("serve", "Serve the API until Ctrl-C."),
        },
        "Look up": {
            "scenarios": ("library", "List the ways a run can go, or draw one."),
            "behaviours": ("library", "List the answers to the contract's open questions."),
            "openapi": ("library", "Print the contract, an OpenAPI document."),
        },
        "Drive a mock that is running": {
            "new": ("runs", "Make a run, of a scenario or a file, changed as you need it."),
            "follow": ("runs", "Print the events of a run as they happen."),
            "end": ("runs", "End a run, or one of its steps, with an outcome."),
            "decide": ("runs", "Answer the decision that a run awaits."),
            "arrivals": ("runs", "Let runs arrive by themselves."),
            "clock": ("clock", "Show time, freeze it, speed it up, move it forward."),
            "reset": ("worlds", "Start a world afresh."),
            "state": ("worlds", "Export a world to a file, or import one."),
            "faults": ("faults", "Let things go wrong: slow, broken, refused, cut off."),
            "requests": ("requests", "List what it was asked, or say why it answered so."),
            "coverage": ("coverage", "Show what of the contract a client has met, and has not."),
        },
    }
)
"""By heading and name: the module with the subcommand, and what it is for."""


class LazyGroup(click.Group):
    """Finds subcommands in modules beside this one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in _SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in _SECTIONS.values():
            if cmd_name in section:
                # To look for garbage among modules takes an eighth of a start.
                with without_gc():
                    module = import_module(f"{__name__}.{section[cmd_name][0]}")
                command: click.Command = getattr(module, cmd_name)
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, section in _SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, purpose) for name, (_, purpose) in section.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="runs-mock")
def cli() -> None:
    """A living Automation runs API: runs wait, run their steps, fail, are cancelled and retried, on
    a clock you control.

    \b
    runs-mock serve                                    serve on http://127.0.0.1:8080
    runs-mock scenarios                                what kinds of run there are
    \b
    And in another terminal, while it serves:
    runs-mock new diamond --follow                     make a run and watch it
    runs-mock new diamond --fail 2 --takes 2=30s       one that fails at step two, slowly
    runs-mock clock advance 5m                         five minutes later
    runs-mock faults preset slow                       every answer late
    runs-mock requests 17                              why this answer?
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; anything the user can mend is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal of another encoding shows a question mark rather than a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        sys.exit(cli.main(arguments, prog_name="runs-mock", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        click.echo(f"runs-mock: {_explain(error)}", err=True)
    except UsageError as error:
        click.echo(f"runs-mock: {error}", err=True)
    except ModuleNotFoundError as error:
        click.echo(f"runs-mock: {explain_missing_library(error)}", err=True)
    sys.exit(2)


def _explain(error: click.ClickException) -> str:
    """What is wrong; a value is blamed on the variable it came from."""
    if isinstance(error, click.BadParameter) and error.ctx and error.param and error.param.name:
        source = error.ctx.get_parameter_source(error.param.name)
        if source is ParameterSource.ENVIRONMENT:
            return f"Invalid value for {error.param.envvar}: {error.message}"
    return error.format_message()
