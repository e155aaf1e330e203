"""`runs-conformance list`: show the requirements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from conformance.catalogue import open_questions, versions
from conformance.catalogue.requirements import Requirement

_MIN_WIDTH = 40


@click.command(name="list")
@click.argument("patterns", nargs=-1)
@click.option(
    "--catalogue",
    "version",
    type=click.Choice([*versions.released(), versions.LATEST]),
    default=versions.LATEST,
    show_default=True,
    help="The version of the catalogue.",
)
def list_command(patterns: tuple[str, ...], version: str) -> None:
    """Show the requirements, all or those whose ids match PATTERNS.

    \b
    runs-conformance list
    runs-conformance list 'CANCEL-*' 'RETRY-0*'
    runs-conformance list --catalogue 1.0
    """
    console = Console(highlight=False)
    catalogue = versions.load_version(version)
    chosen = catalogue.select(patterns, ())
    shown = [each for each in catalogue.requirements.values() if each.id in chosen]
    margin = max(len(f"{each.id}  {each.level.value}  Q00  ") for each in shown)
    narrow = console.width - margin < _MIN_WIDTH
    console.print(_paragraphs(shown) if narrow else _table(shown))


def _table(shown: Sequence[Requirement]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("id", "level", "question"):
        table.add_column(title, no_wrap=True)
    table.add_column("statement")
    known = open_questions.load()
    for each in shown:
        statement = Text(each.statement).append(_accepted(each, known), "dim")
        table.add_row(each.id, each.level.value, each.question or "", statement)
    return table


def _paragraphs(shown: Sequence[Requirement]) -> Group:
    """Show a paragraph for each, where the terminal is too narrow for a table."""
    parts: list[Text | Padding] = []
    known = open_questions.load()
    for each in shown:
        about = " ".join(filter(None, (each.level.value, each.question)))
        parts.append(Text(each.id, "bold").append(f"  {about}", "not bold dim"))
        statement = Text(each.statement).append(_accepted(each, known), "dim")
        parts.append(Padding(statement, (0, 0, 0, 2)))
    return Group(*parts)


def _accepted(each: Requirement, known: Mapping[str, open_questions.Question]) -> str:
    """Return the known answers to the requirement's open question; each is accepted."""
    return f" [{', '.join(known[each.question].answers)}]" if each.question else ""
