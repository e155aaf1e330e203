"""Annotate a job of GitHub Actions: a workflow command on stdout for each failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import click

from conformance.redaction import visible
from conformance.results.events import Event, RunFinished, RunNotStarted
from conformance.results.report import Report
from conformance.vocabulary import Verdict

# GitHub shows as many of a kind for each step.
_MAX_SHOWN = 10


class GithubReporter:
    """Writes annotations when the run has ended."""

    def __init__(self, write: Callable[[str], None] = click.echo) -> None:
        self.failed = ""
        self._write = write

    def on(self, event: Event) -> None:
        """Annotate the job with failures, or with the reason for which there is no verdict."""
        if isinstance(event, RunFinished | RunNotStarted):
            for line in commands(event.report):
                self._write(line)


def commands(report: Report) -> Iterator[str]:
    """Yield a command for each failure that does not follow from another, worst first, and for each
    problem of the run."""
    for line in filter(None, (report.problem, *report.stale_waivers)):
        yield _command("error", "no verdict", line)
    for verdict in (Verdict.VIOLATION, Verdict.DEVIATION):
        roots = [e for e in report.entries if e.verdict is verdict and not e.caused_by]
        level = "error" if verdict is Verdict.VIOLATION or report.strict else "warning"
        for entry in roots[:_MAX_SHOWN]:
            text = "\n".join(filter(None, (entry.worst.message, entry.worst.curl)))
            yield _command(level, f"{entry.requirement.id} {verdict.value}", text)


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    escaped = visible(text).replace("%", "%25")
    return escaped.replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
