"""The report as files: JSON (its schema is report.schema.json), JUnit XML for CI servers, and what
the modules beside this one render."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import junitparser

from conformance.errors import ConfigurationError
from conformance.events import Event, Finished, Refused
from conformance.reporters.page import as_page
from conformance.reporters.sarif import as_sarif
from conformance.reporters.summary import as_badge, as_markdown
from conformance.verdict.report import Entry, Report
from conformance.vocabulary import FileKind, Verdict


class FileReporter:
    """Writes the finished report to a file; `failed` says why that did not work, if it did not.

    The file is opened at the start, so that a path that cannot be written is known before the run.
    """

    def __init__(self, kind: FileKind, path: Path, render: Callable[[Report], str]) -> None:
        self.failed = ""
        self._path = path
        self._render = render
        self._kind = kind
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8"):
                pass  # It can be written; what stands in it stays until there is something new.
        except OSError as fault:
            raise ConfigurationError(
                f"--{kind} {path}: {fault.strerror}.", "Name a file that can be written."
            ) from None

    def on(self, event: Event) -> None:
        """Write when all is over, be it before it began."""
        if isinstance(event, Finished | Refused):
            try:
                self._path.write_text(self._render(event.report), encoding="utf-8")
            except OSError as fault:
                self.failed = f"--{self._kind} {self._path}: {fault.strerror}."


def file_reporters(wanted: Mapping[FileKind, Path]) -> list[FileReporter]:
    """One for each file; a ConfigurationError names the first that cannot be written."""
    return [FileReporter(kind, path, _RENDERS[kind]) for kind, path in wanted.items()]


def as_json(report: Report) -> str:
    """The report as indented JSON."""
    return json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n"


def as_junit(report: Report) -> str:
    """A suite for each group of requirements, a case for each requirement.

    Violations are failures, and so are deviations of a strict run; what was not decided is skipped.
    """
    document = junitparser.JUnitXml("runs-conformance")
    suites: dict[str, junitparser.TestSuite] = {}
    for entry in report.entries:
        group = entry.requirement.group
        if group not in suites:
            suites[group] = junitparser.TestSuite(group)
        suites[group].add_testcase(_case(entry, strict=report.strict))
    if in_the_way := [line for line in (report.trouble, *report.stale) if line]:
        suites["RUN"] = junitparser.TestSuite("RUN")
        suites["RUN"].add_testcase(_run(in_the_way))
    for suite in suites.values():
        document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]
    return bytes(document.tostring()).decode("utf-8")  # type: ignore[no-untyped-call]


def _run(in_the_way: Sequence[str]) -> junitparser.TestCase:
    """A case for what keeps the run from a verdict: without it, nothing tested would look green."""
    case = junitparser.TestCase("the run has a verdict", "conformance.RUN")
    case.result = [junitparser.Error(" ".join(in_the_way), "no verdict")]
    return case


def _case(entry: Entry, *, strict: bool) -> junitparser.TestCase:
    name = f"{entry.requirement.id} {entry.requirement.statement}"
    seconds = sum(result.seconds for result in entry.results)
    case = junitparser.TestCase(name, f"conformance.{entry.requirement.group}", round(seconds, 3))
    message = f"{entry.verdict.value}: {entry.worst.message}"
    if entry.waiver is not None and entry.verdict is Verdict.WAIVED:
        message = f"waived by {entry.waiver.owner}, {entry.waiver.reason}: {entry.worst.message}"
    match entry.verdict:
        case Verdict.PASS:
            pass
        case Verdict.ERROR:
            case.result = [junitparser.Error(message, entry.verdict.value)]
        case Verdict.VIOLATION:
            case.result = [_failure(message, entry)]
        case Verdict.DEVIATION if strict:
            case.result = [_failure(message, entry)]
        case _:
            case.result = [junitparser.Skipped(message, entry.verdict.value)]
    return case


def _failure(message: str, entry: Entry) -> junitparser.Failure:
    failure = junitparser.Failure(message, entry.verdict.value)
    cause = f"It follows from {entry.caused_by}." if entry.caused_by else ""
    failure.text = "\n".join(filter(None, [cause, entry.requirement.source, entry.worst.curl]))
    return failure


_RENDERS: Mapping[FileKind, Callable[[Report], str]] = MappingProxyType(
    {
        FileKind.JSON: as_json,
        FileKind.JUNIT: as_junit,
        FileKind.HTML: as_page,
        FileKind.MARKDOWN: as_markdown,
        FileKind.SARIF: as_sarif,
        FileKind.BADGE: as_badge,
    }
)
