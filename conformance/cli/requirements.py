"""`runs-conformance list`, `explain`, `states`: what is required, why, and the words for runs."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

import click
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from conformance.catalogue import open_questions
from conformance.catalogue.requirements import Catalogue, Requirement, load
from conformance.errors import ConfigurationError, ErrorCollector
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
    margin = max(len(f"{each.id}  {each.level.value}  Q00  ") for each in shown)
    narrow = console.width - margin < _READABLE
    console.print(_paragraphs(shown) if narrow else _table(shown))


@click.command(name="explain")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def explain_command(names: tuple[str, ...]) -> None:
    """Tell what each requirement NAME demands, and why it can be believed, or which answers the
    open question NAME has. A pattern stands for all that it matches.

    \b
    runs-conformance explain CANCEL-05
    runs-conformance explain Q02
    runs-conformance explain 'LIST-*'
    """
    catalogue, asked, mistakes = load(), open_questions.load(), ErrorCollector()
    parts: list[list[Text]] = []
    for name in names:
        numbers = fnmatch.filter(asked, name.upper())
        ids = fnmatch.filter(catalogue.requirements, name.upper())
        if not numbers and not ids:
            mistakes.attempt(_unknown, name, [*catalogue.requirements, *asked])
        parts += [_about(catalogue[each], asked) for each in ids]
        parts += [_about_question(asked[each], catalogue) for each in numbers]
    mistakes.raise_all()
    console = Console(highlight=False)
    for number, lines in enumerate(parts):
        for line in [Text()] * (number > 0) + lines:
            console.print(line, soft_wrap=True)


@click.command(name="states")
def states_command() -> None:
    """Show the states that runs can be wanted in, for --state and those who provide them."""
    for state in State:
        click.echo(f"{state.value:14} {state.meaning}")


def _unknown(name: str, known: Sequence[str]) -> None:
    near = get_close_matches(name.upper(), known, n=3, cutoff=0.5)
    raise ConfigurationError(
        f"There is no requirement and no open question {name!r}.",
        f"Did you mean {', '.join(near)}?" if near else "See: runs-conformance list",
    )


def _about(found: Requirement, asked: Mapping[str, open_questions.Question]) -> list[Text]:
    gates = "a violation" if found.level.gates else "a deviation; it counts under --strict"
    lines = [
        Text(found.id, style="bold").append(f"  {found.statement}", "default"),
        Text(f"operation   {found.operation.value if found.operation else 'all'}"),
        Text(f"evidence    {found.level.value}: {found.source}"),
        Text(f"falling short of it is {gates}"),
    ]
    if found.question:
        question = asked[found.question]
        text = f"question    {question.number}: {question.text} Every answer is accepted:"
        lines += [Text(text), *_answers(question)]
    return lines


def _about_question(asked: open_questions.Question, catalogue: Catalogue) -> list[Text]:
    seen = [each.id for each in catalogue.requirements.values() if each.question == asked.number]
    other = next(word for word in asked.answers if word != asked.default)
    return [
        Text(asked.number, style="bold").append(f"  {asked.text}", "default"),
        Text("The reference does not say. Every answer is accepted, and the one seen is noted:"),
        *_answers(asked),
        Text(f"seen by     {', '.join(seen)}"),
        Text(f"the mock    plays {asked.default}, or what a file says that it is started with:"),
        Text("            runs-mock serve --behaviour FILE.yaml"),
        Text("            summary: Mine"),
        Text(f"            answers: {{{asked.number}: {other}}}"),
    ]


def _answers(asked: open_questions.Question) -> Iterator[Text]:
    for word, meaning in asked.answers.items():
        own = " (the contract's own)" if word == asked.default else ""
        yield Text(f"            {word}: {meaning}{own}")


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
    """Where a column of statements would be a ribbon of single words."""
    parts: list[Text | Padding] = []
    known = open_questions.load()
    for each in shown:
        about = " ".join(filter(None, (each.level.value, each.question)))
        parts.append(Text(each.id, "bold").append(f"  {about}", "not bold dim"))
        statement = Text(each.statement).append(_accepted(each, known), "dim")
        parts.append(Padding(statement, (0, 0, 0, 2)))
    return Group(*parts)


def _accepted(each: Requirement, known: Mapping[str, open_questions.Question]) -> str:
    """The answers to the requirement's open question, any of which will do."""
    return f" [{', '.join(known[each.question].answers)}]" if each.question else ""
