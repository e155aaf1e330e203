"""Render a matrix of implementations as Markdown, HTML and text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from conformance.reporters.markdown import plain_text
from conformance.results.matrix import Matrix
from conformance.vocabulary import Verdict


def as_page(matrix: Matrix) -> str:
    """Return one self-contained HTML page; every text in it is escaped."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = pages.get_template("matrix.html")
    return template.render(matrix=matrix, verdicts=list(Verdict)) + "\n"


def as_markdown(matrix: Matrix) -> str:
    """Return the tables as Markdown."""
    return "\n".join(_markdown(matrix)) + "\n"


def _markdown(matrix: Matrix) -> Iterator[str]:
    yield "# Automation runs: implementations\n"
    counts = [verdict.value for verdict in Verdict]
    yield from _table(
        ("implementation", "latest report", "conclusion", *counts),
        (
            (each.name, each.latest.started, each.latest.conclusion, *_counts(each.latest.counts))
            for each in matrix.implementations
        ),
    )
    yield "\n## Requirements\n"
    yield from _table(
        ("requirement", "level", *(each.name for each in matrix.implementations)),
        (
            (row.requirement, row.level, *(v.value if v else "not tested" for v in row.verdicts))
            for row in matrix.rows
        ),
    )
    for each in matrix.implementations:
        if len(each.points) > 1:
            yield f"\n## History of {plain_text(each.name)}\n"
            yield from _table(
                ("report", "kit", "conclusion", *counts, "newly failing", "fixed"),
                (
                    (
                        *(point.started, point.kit, point.conclusion, *_counts(point.counts)),
                        *(", ".join(point.broken), ", ".join(point.fixed)),
                    )
                    for point in each.points
                ),
            )


def _counts(counts: Mapping[Verdict, int]) -> list[str]:
    return [str(counts[verdict]) for verdict in Verdict]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    cells = [plain_text(each) for each in head]
    yield f"| {' | '.join(cells)} |"
    yield f"| {' | '.join(['---'] * len(cells))} |"
    for row in rows:
        yield f"| {' | '.join(map(plain_text, row))} |"
