"""What the commands that write a recording have in common: options, and the lines at the end."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from conformance.errors import ConfigurationError
from conformance.recording.folder import BEHAVIOUR
from conformance.recording.recording import Written


class OutputFolder(click.Path):
    """A directory; an empty text is none, rather than the current one."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if not str(value):
            self.fail("expected a directory, got an empty text.", param, ctx)
        return super().convert(value, param, ctx)


_KEEP = click.option(
    "--keep",
    multiple=True,
    metavar="PATTERN",
    help="Keep strings of results and errors whose place matches, such as 'result.status', "
    "'error.message' or, for one step, 'load.result.*'.",
)
_FORCE = click.option(
    "--force", is_flag=True, help="Replace an earlier recording; other files stay."
)


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    return _KEEP(_FORCE(command))


def keep_patterns(given: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns. Raise ConfigurationError for one that matches no place."""
    for pattern in given:
        if not any(word in pattern for word in ("result", "error", "*")):
            raise ConfigurationError(
                f"--keep: expected a place in a result or an error, got {pattern!r}.",
                "Write it as result.NAME, error.message or STEP.result.NAME; * is any text.",
            )
    return tuple(given)


def show_written(out: Path, written: Written) -> None:
    """Print what a recording has, and how to serve it."""
    runs = "1 run" if written.runs == 1 else f"{written.runs} runs"
    shapes = "1 scenario" if written.shapes == 1 else f"{written.shapes} scenarios"
    folder = shlex.quote(str(out))
    behaviour = shlex.quote(str(out / BEHAVIOUR))
    click.echo(f"Recorded {runs} as {shapes} in {out}")
    click.echo(f"runs-mock serve --scenarios {folder} --behaviour {behaviour} --start recorded")
