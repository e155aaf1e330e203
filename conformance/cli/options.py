"""The options of the table, as click has them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import click

from conformance.config.options import OPTIONS
from conformance.vocabulary import FileKind

OF_A_VERDICT = ("include", "exclude", "strict", *(kind.value for kind in FileKind))
"""The keys of what is told for the sake of a verdict."""


def told(*, but: Collection[str] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command every option of the table, but those of these keys."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed([each for each in OPTIONS if each.key not in but]):
            default = f"  [default: {option.default}]" if option.default else ""
            text = f"{option.help}{default}"
            if option.flag:
                command = click.option(f"--{option.name}", is_flag=True, help=text)(command)
            else:
                command = click.option(
                    f"--{option.name}", metavar=option.metavar, multiple=option.many, help=text
                )(command)
        return command

    return decorate
