"""The report as Markdown, for the summary of a CI job."""

from mock_server.exam.results import ExamResults, Result
from mock_server.exam.verdict import Outcome

_MARKS = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "**failed**",
    Outcome.NOT_JUDGED: "not judged",
    Outcome.ERROR: "**error**",
}


def render(results: ExamResults) -> str:
    """Return the summary, and a table of the items."""
    rows = "\n".join(map(_row, results.results))
    return (
        f"# Exam of a client: {results.conclusion}\n\n"
        f"`{_code(results.client)}` {results.summary}\n\n"
        f"| item | level | verdict | statement and reason |\n| --- | --- | --- | --- |\n{rows}\n"
    )


def _row(result: Result) -> str:
    verdict = result.verdict
    reason = "" if verdict.outcome is Outcome.PASSED else f" *{_cell(verdict.reason)}*"
    statement = f"{_cell(result.item.statement, code=True)}{reason}"
    return f"| {result.item.id} | {result.item.level} | {_MARKS[verdict.outcome]} | {statement} |"


def _cell(text: str, *, code: bool = False) -> str:
    """Return text of others for a cell: without markup, on one line."""
    special = "\\*_[]<>|" if code else "\\*_[]<>|`"
    escaped = "".join(f"\\{one}" if one in special else one for one in text)
    return " ".join(escaped.split())


def _code(text: str) -> str:
    return " ".join(text.replace("`", "'").split())
