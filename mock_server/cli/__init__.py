"""The command ``runs-mock`` and its subcommands.

A subcommand is imported when it is called, so those for a running mock do not load the libraries of
the server.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType

import click
from click.core import ParameterSource

from mock_server import __version__
from mock_server.cli.text import echo
from mock_server.errors import UsageError, explain_missing_library, unknown_name
from mock_server.gc_tuning import paused_gc

_SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "Serve": {
            "serve": ("serve", "Serve the API until Ctrl-C."),
        },
        "For agents": {
            "mcp": ("mcp", "Serve the mock as tools, over the Model Context Protocol."),
        },
        "Judge a client": {
            "exam": ("exam", "Judge a client in prepared situations, by what it sends and shows."),
        },
        "Look up": {
            "scenarios": ("library", "List the scenarios, or draw one."),
            "behaviours": ("library", "List the answers to the contract's open questions."),
            "openapi": ("library", "Print the contract, an OpenAPI document."),
            "schema": ("schema", "Print the JSON Schema of a kind of file, for editors."),
            "worlds": ("stored_worlds", "List the worlds in a store, or remove some."),
        },
        "Control a running mock": {
            "new": ("runs", "Create a run of a scenario or a file, with changes."),
            "follow": ("runs", "Print the events of a run as they happen."),
            "watch": ("watch", "Print what happens in a world as it happens."),
            "end": ("runs", "End a run, or one of its steps, with an outcome."),
            "decide": ("runs", "Decide about a step that awaits a decision."),
            "arrivals": ("runs", "Let runs arrive by themselves."),
            "clock": ("clock", "Show the clock, freeze it, scale it, advance it."),
            "reset": ("worlds", "Reset a world."),
            "state": ("worlds", "Export a world to a file, import one, or open a failure."),
            "faults": ("faults", "Inject faults: latency, errors, broken bodies, cut streams."),
            "requests": ("requests", "List requests, follow them, or explain a response."),
            "coverage": ("coverage", "Show which parts of the contract a client has used."),
        },
    }
)
"""By heading and name: the module of the subcommand, and its purpose."""


_OUTPUT_ERRORS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG})


class LazyGroup(click.Group):
    """Imports the modules of subcommands on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in _SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in _SECTIONS.values():
            if cmd_name in section:
                # Collecting garbage among modules takes an eighth of a start.
                with paused_gc():
                    module = import_module(f"{__name__}.{section[cmd_name][0]}")
                command: click.Command = getattr(module, cmd_name)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            raise click.UsageError(unknown_name("command", name, self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

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
    """A stateful mock of the Automation runs API: runs wait, run their steps, fail, are cancelled
    and retried, on a clock that you control.

    \b
    runs-mock serve                                    serve on http://127.0.0.1:8080
    runs-mock scenarios                                list the scenarios
    \b
    In another terminal, while it serves:
    runs-mock new diamond --follow                     create a run and watch it
    runs-mock new diamond --fail 2 --takes 2=30s       one that fails at step two, slowly
    runs-mock clock advance 5m                         five minutes later
    runs-mock faults preset slow                       every response late
    runs-mock requests 17                              why this response?
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; an error that the user can fix is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal with another encoding shows a question mark instead of a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(arguments, prog_name="runs-mock", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # Here, where an error can be explained.
        sys.exit(code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        echo(f"runs-mock: {_explain(error)}", err=True)
    except UsageError as error:
        echo(f"runs-mock: {error}", err=True)
    except ModuleNotFoundError as error:
        click.echo(f"runs-mock: {explain_missing_library(error)}", err=True)
    except OSError as error:
        if error.filename is not None or error.errno not in _OUTPUT_ERRORS:
            raise
        _discard_output()
        if error.errno == errno.EPIPE:
            sys.exit(1)  # Silently, as click does it before `| head`.
        click.echo(f"runs-mock: stdout: cannot write: {error.strerror}", err=True)
    sys.exit(2)


def _discard_output() -> None:
    """Send stdout nowhere, so that the interpreter does not fail to flush it at the end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: click.ClickException) -> str:
    """Return the message; name the environment variable of an invalid value."""
    if isinstance(error, click.BadParameter) and error.ctx and error.param and error.param.name:
        source = error.ctx.get_parameter_source(error.param.name)
        if source is ParameterSource.ENVIRONMENT:
            return f"Invalid value for {error.param.envvar}: {error.message}"
    return error.format_message()
