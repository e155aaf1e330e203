"""Types of option values, and options that several subcommands have."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from mock_server.engine import clock
from mock_server.engine.duration import parse_duration


def add_options(
    command: Callable[..., Any], options: Sequence[Callable[..., Any]]
) -> Callable[..., Any]:
    """Add the options to ``command``, in this order."""
    for option in reversed(options):
        command = option(command)
    return command


class GroupedOptions(click.Command):
    """A command whose ``--help`` lists its options in groups.

    ``groups`` names the parameters of each group by title; the others come last, as ``Other``.
    """

    def __init__(self, *args: Any, groups: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {
            str(option.name): record
            for option in self.get_params(ctx)
            if (record := option.get_help_record(ctx)) is not None
        }
        grouped = {title: names.split() for title, names in self._groups.items()}
        listed = {name for names in grouped.values() for name in names}
        grouped["Other"] = [name for name in records if name not in listed]
        for title, names in grouped.items():
            with formatter.section(title):
                formatter.write_dl([records[name] for name in names])


class Instant(click.ParamType[Any]):
    """A date and time with a zone, as an instant."""

    name = "date-time"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if isinstance(value, int):
            return value
        try:
            return clock.from_text(value)
        except ValueError as error:
            self.fail(f"{error} (expected something like 2026-03-02T08:15:00Z)", param, ctx)


class Speed(click.ParamType[Any]):
    """The speed of a clock: ``real``, ``frozen``, or a multiple of real time."""

    name = "speed"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        if isinstance(value, float):
            return value
        named = {"real": 1.0, "frozen": 0.0}
        if value in named:
            return named[value]
        try:
            scale = float(value.removesuffix("x"))
        except ValueError:
            scale = -1.0
        if not 0.001 <= scale <= 100_000:
            self.fail(
                f"{value!r} is none of: real, frozen, or 0.001 to 100000 (times real)", param, ctx
            )
        return scale


class Finite(click.ParamType[Any]):
    """A finite number."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"expected a finite number, got {value!r}", param, ctx)
        return number


class Duration(click.ParamType[Any]):
    """A duration such as ``250ms`` or ``5m``, in milliseconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class BaseUrl(click.ParamType[Any]):
    """The base URL of a mock."""

    name = "url"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        if not re.match("https?://", value):
            self.fail(
                f"expected the address of a mock, such as http://127.0.0.1:8080, got {value!r}",
                param,
                ctx,
            )
        return str(value)


scenarios_option = click.option(
    "--scenarios",
    "directory",
    type=click.Path(path_type=Path),
    envvar="RUNS_MOCK_SCENARIOS",
    help="Directory with scenarios of your own (*.yaml), in addition to those of the mock, or with "
    "the folders scenarios and worlds, as runs-conformance record writes it.",
)
