"""`runs-conformance matrix`: implementations side by side, and the history of one."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import small_reports
from click.testing import CliRunner, Result

from conformance.cli import cli
from conformance.errors import ConfigurationError
from conformance.results.matrix import build
from conformance.vocabulary import Verdict

MONDAY, TUESDAY = "2026-03-02T08:15:00Z", "2026-03-03T08:15:00Z"
GOOD = {"LIST-01": "pass", "GET-01": "pass", "CANCEL-01": "pass"}
BAD = {"LIST-01": "violation", "GET-01": "pass"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in a directory with reports."""
    monkeypatch.chdir(tmp_path)
    report, write = small_reports.report, small_reports.write
    write(Path("go.json"), report(GOOD))
    write(Path("python.json"), report(BAD, started=MONDAY, base_url="http://py"))
    later = {"LIST-01": "pass", "GET-01": "deviation"}
    write(Path("python-2.json"), report(later, started=TUESDAY, base_url="http://py"))
    return lambda *arguments: CliRunner().invoke(cli, ["matrix", *arguments])


def test_implementations_are_compared_by_their_latest_reports() -> None:
    """A row for each requirement, in the order of the reports; what was not tested is open."""
    matrix = build(
        [
            ("py", small_reports.report(BAD, started=MONDAY)),
            ("go", small_reports.report(GOOD)),
            ("py", small_reports.report({"LIST-01": "pass"}, started=TUESDAY)),
        ]
    )
    assert [each.name for each in matrix.implementations] == ["py", "go"]
    rows = {row.requirement: row for row in matrix.rows}
    assert rows["LIST-01"].verdicts == (Verdict.PASS, Verdict.PASS)
    assert rows["GET-01"].verdicts == (None, Verdict.PASS)
    assert [rows[name].differs for name in ("LIST-01", "GET-01")] == [False, True]


def test_a_history_shows_what_was_broken_and_fixed() -> None:
    """In the order of time, whatever the order of the files."""
    later = small_reports.report({"LIST-01": "pass", "GET-01": "error"}, started=TUESDAY)
    earlier = small_reports.report(BAD, started=MONDAY)
    (only,) = build([("py", later), ("py", earlier)]).implementations
    first, second = only.points
    assert (first.started, first.broken, first.fixed) == (MONDAY, (), ())
    assert (second.broken, second.fixed) == (("GET-01",), ("LIST-01",))
    assert second.counts[Verdict.ERROR] == 1
    assert only.latest is second


def test_the_terminal_shows_where_they_differ(run: Callable[..., Result]) -> None:
    """By the names given, else by the base URL."""
    done = run("go=go.json", "python.json")
    assert done.exit_code == 0
    lines = [line.split() for line in done.output.splitlines()]
    assert ["requirement", "go", "http://py"] in lines
    assert ["LIST-01", "pass", "violation"] in lines
    assert ["conclusion", "conformant", "not", "conformant"] in lines
    assert not [line for line in lines if line[:1] == ["GET-01"]]


def test_markdown_has_every_requirement_and_the_history(run: Callable[..., Result]) -> None:
    """Tables for a wiki or a pull request."""
    run("go=go.json", "py=python.json", "py=python-2.json", "--markdown", "matrix.md")
    text = Path("matrix.md").read_text(encoding="utf-8")
    assert "| LIST-01 | documented | pass | pass |" in text
    assert "| CANCEL-01 | documented | pass | not tested |" in text
    assert "## History of py" in text
    assert text.rstrip().endswith("| GET-01 | LIST-01 |")


class Page(HTMLParser):
    """Collects the cells of a page and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note addresses; begin a cell."""
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        """Add to the cell."""
        if self.cells:
            self.cells[-1] += data


def test_the_page_stands_alone_and_escapes_names(run: Callable[..., Result]) -> None:
    """It loads nothing, and a name is text."""
    done = run("<b>go</b>=go.json", "py=python.json", "py=python-2.json", "--html", "matrix.html")
    assert done.exit_code == 0, done.output
    text = Path("matrix.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.loads == []
    assert "<b>go</b>" in page.cells
    assert "History of py" in text
    assert "not tested" in page.cells


def test_a_file_that_is_not_a_report_is_rejected(run: Callable[..., Result]) -> None:
    """The file is named."""
    Path("other.json").write_text("{}", encoding="utf-8")
    caught = run("go=other.json").exception
    assert isinstance(caught, ConfigurationError)
    assert caught.message.startswith("other.json: expected a report")
