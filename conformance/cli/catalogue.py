"""`runs-conformance list`, `explain`, `states`: what is required, why, and the words for runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from conformance.questions import questions
from conformance.verdict.catalogue import Requirement, load
from conformance.vocabulary import State

_READABLE = 40


@click.command(name="list")
@click.argument("patterns", nargs=-1)
def list_command(patterns: tuple[str, ...]) -> None:
    """Show the requirements, all or those whose ids match PATTERNS.

    \b
    runs-conformance list
    runs-conformance list 'CANCEL-*' 'RETRY-0*'
    """
    console = Console(highlight=False)
    catalogue = load()
    chosen = catalogue.select(patterns, ())
    shown = [each for each in catalogue.requirements.values() if each.id in chosen]
    beside = max(len(f"{each.id}  {each.level.value}  Q00  ") for each in shown)
    narrow = console.width - beside < _READABLE
    console.print(_paragraphs(shown) if narrow else _table(shown))


@click.command(name="explain")
@click.argument("requirement")
def explain_command(requirement: str) -> None:
    """Tell what REQUIREMENT demands and why it can be believed.

    \b
    runs-conformance explain CANCEL-05
    """
    console = Console(highlight=False)
    found = load()[requirement]
    gates = "a violation" if found.level.gates else "a deviation; it counts under --strict"
    console.print(Text(found.id, style="bold").append(f"  {found.statement}", "default"))
    console.print(Text(f"operation   {found.operation.value if found.operation else 'all'}"))
    console.print(Text(f"evidence    {found.level.value}: {found.source}"))
    console.print(Text(f"falling short of it is {gates}"))
    if found.question:
        asked = questions.load()[found.question]
        console.print(Text(f"question    {asked.number}: {asked.text} Every answer is accepted:"))
        for word, meaning in asked.answers.items():
            own = " (the contract's own)" if word == asked.default else ""
            console.print(Text(f"            {word}: {meaning}{own}"))


@click.command(name="states")
def states_command() -> None:
    """Show the states that runs can be wanted in, for --state and those who provide them."""
    for state in State:
        click.echo(f"{state.value:14} {state.meaning}")


def _table(shown: Sequence[Requirement]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("id", "level", "question"):
        table.add_column(title, no_wrap=True)
    table.add_column("statement")
    known = questions.load()
    for each in shown:
        statement = Text(each.statement).append(_accepted(each, known), "dim")
        table.add_row(each.id, each.level.value, each.question or "", statement)
    return table


def _paragraphs(shown: Sequence[Requirement]) -> Group:
    """Where a column of statements would be a ribbon of single words."""
    parts: list[Text | Padding] = []
    known = questions.load()
    for each in shown:
        about = " ".join(filter(None, (each.level.value, each.question)))
        parts.append(Text(each.id, "bold").append(f"  {about}", "not bold dim"))
        statement = Text(each.statement).append(_accepted(each, known), "dim")
        parts.append(Padding(statement, (0, 0, 0, 2)))
    return Group(*parts)


def _accepted(each: Requirement, known: Mapping[str, questions.Question]) -> str:
    """The answers to the requirement's open question, any of which will do."""
    return f" [{', '.join(known[each.question].answers)}]" if each.question else ""
