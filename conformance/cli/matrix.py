"""`runs-conformance matrix`: implementations side by side, and their history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.errors import ConfigurationError
from conformance.reporters.matrix import as_markdown, as_page
from conformance.results.matrix import Matrix, build
from conformance.results.report_diff import read_report

_STYLES = {"pass": "green", "violation": "bold red", "error": "red", "deviation": "yellow"}


@click.command(name="matrix")
@click.argument("reports", nargs=-1, required=True, metavar="[NAME=]REPORT.json...")
@click.option("--html", metavar="FILE", help="Write an HTML page.")
@click.option("--markdown", metavar="FILE", help="Write Markdown.")
def matrix_command(reports: tuple[str, ...], html: str | None, markdown: str | None) -> None:
    """Compare implementations by their reports, and show the history of each.

    \b
    runs-conformance matrix python=python.json go=go.json --html matrix.html
    runs-conformance matrix reports/2026-*.json --markdown history.md

    An implementation has the name before '=', else the base URL of its report. Its latest report is
    compared; several make a history: new failures, and those fixed since the previous report.
    The terminal shows the requirements on which implementations differ or that fail.
    """
    matrix = build(_named(reports))
    for name, render in ((html, as_page), (markdown, as_markdown)):
        if name is not None:
            _write(Path(name), render(matrix))
    console = Console(highlight=False)
    for table in _tables(matrix):
        console.print(table)


def _named(reports: tuple[str, ...]) -> Iterator[tuple[str, dict[str, object]]]:
    for given in reports:
        name, sign, path = given.partition("=")
        if not sign or Path(given).is_file():
            name, path = "", given
        report = read_report(Path(path))
        yield name or str(report["baseUrl"]), report


def _tables(matrix: Matrix) -> Iterator[Table]:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("requirement", no_wrap=True)
    for each in matrix.implementations:
        table.add_column(Text(each.name))
    for row in matrix.rows:
        if row.differs or any(verdict is None or verdict.fails for verdict in row.verdicts):
            words = [verdict.value if verdict else "not tested" for verdict in row.verdicts]
            table.add_row(row.requirement, *(Text(w, _STYLES.get(w, "dim")) for w in words))
    conclusions = (Text(each.latest.conclusion, "bold") for each in matrix.implementations)
    table.add_row(Text("conclusion", "bold"), *conclusions)
    yield table
    for each in matrix.implementations:
        if len(each.points) > 1:
            history = Table(title=Text(f"History of {each.name}"), title_justify="left", box=None)
            for title in ("report", "conclusion", "newly failing", "fixed"):
                history.add_column(title)
            for point in each.points:
                changed = (", ".join(point.broken), ", ".join(point.fixed))
                history.add_row(point.started, point.conclusion, *changed)
            yield history


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise ConfigurationError(f"{file}: {fault.strerror}.", "Choose another file.") from None
