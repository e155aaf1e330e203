"""`runs-conformance explain`: show the evidence of a requirement, or the known answers to an open
question."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

import click
from rich.console import Console
from rich.text import Text

from conformance.catalogue import open_questions
from conformance.catalogue.requirements import Catalogue, Requirement, load
from conformance.errors import ConfigurationError, ErrorCollector
from conformance.traffic.reports import client_catalogue


@click.command(name="explain")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def explain_command(names: tuple[str, ...]) -> None:
    """Show the statement and the evidence of each requirement NAME, or the known answers to the
    open question NAME. A pattern stands for everything that it matches.

    \b
    runs-conformance explain CANCEL-05
    runs-conformance explain Q02
    runs-conformance explain 'LIST-*'
    """
    catalogue = Catalogue(load().requirements | client_catalogue().requirements)
    asked, errors = open_questions.load(), ErrorCollector()
    parts: list[list[Text]] = []
    for name in names:
        numbers = fnmatch.filter(asked, name.upper())
        ids = fnmatch.filter(catalogue.requirements, name.upper())
        if not numbers and not ids:
            errors.attempt(_unknown, name, [*catalogue.requirements, *asked])
        parts += [_about(catalogue[each], asked) for each in ids]
        parts += [_about_question(asked[each], catalogue) for each in numbers]
    errors.raise_all()
    console = Console(highlight=False)
    for number, lines in enumerate(parts):
        for line in [Text()] * (number > 0) + lines:
            console.print(line, soft_wrap=True)


def _unknown(name: str, known: Sequence[str]) -> None:
    near = get_close_matches(name.upper(), known, n=3, cutoff=0.5)
    raise ConfigurationError(
        f"expected a requirement or an open question, got {name!r}.",
        f"Did you mean {', '.join(near)}?" if near else "See: runs-conformance list",
    )


def _about(found: Requirement, asked: Mapping[str, open_questions.Question]) -> list[Text]:
    failure = "a violation" if found.level.gates else "a deviation; --strict counts it"
    lines = [
        Text(found.id, style="bold").append(f"  {found.statement}", "default"),
        Text(f"operation   {found.operation.value if found.operation else 'all'}"),
        Text(f"evidence    {found.level.value}: {found.source}"),
        Text(f"A failure is {failure}."),
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
        Text("The reference does not say. Every answer is accepted; the observed one is reported:"),
        *_answers(asked),
        Text(f"observed by {', '.join(seen)}"),
        Text(f"the mock    uses {asked.default}, or the answer in a behaviour file:"),
        Text("            runs-mock serve --behaviour FILE.yaml"),
        Text("            summary: Mine"),
        Text(f"            answers: {{{asked.number}: {other}}}"),
    ]


def _answers(asked: open_questions.Question) -> Iterator[Text]:
    for word, meaning in asked.answers.items():
        own = " (the contract's own)" if word == asked.default else ""
        yield Text(f"            {word}: {meaning}{own}")
