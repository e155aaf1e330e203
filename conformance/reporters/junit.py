"""Render the report as JUnit XML."""

from __future__ import annotations

from collections.abc import Sequence

import junitparser

from conformance.redaction import visible
from conformance.results.report import Entry, Report
from conformance.vocabulary import Verdict


def as_junit(report: Report) -> str:
    """Return a suite for each group of requirements, a case for each requirement.

    Violations are failures, and so are deviations of a strict run; undecided ones are skipped.
    """
    document = junitparser.JUnitXml("runs-conformance")
    suites: dict[str, junitparser.TestSuite] = {}
    for entry in report.entries:
        group = entry.requirement.group
        if group not in suites:
            suites[group] = junitparser.TestSuite(group)
        suites[group].add_testcase(_case(entry, strict=report.strict))
    if in_the_way := [line for line in (report.problem, *report.stale_waivers) if line]:
        suites["RUN"] = junitparser.TestSuite("RUN")
        suites["RUN"].add_testcase(_run(in_the_way))
    for suite in suites.values():
        document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]
    return bytes(document.tostring()).decode("utf-8")  # type: ignore[no-untyped-call]


def _run(in_the_way: Sequence[str]) -> junitparser.TestCase:
    """Return a case for the problems of a run: without it, a run that tested nothing is green."""
    case = junitparser.TestCase("the run has a verdict", "conformance.RUN")
    case.result = [junitparser.Error(visible(" ".join(in_the_way)), "no verdict")]
    return case


def _case(entry: Entry, *, strict: bool) -> junitparser.TestCase:
    name = visible(f"{entry.requirement.id} {entry.requirement.statement}")
    seconds = sum(result.seconds for result in entry.results)
    case = junitparser.TestCase(name, f"conformance.{entry.requirement.group}", round(seconds, 3))
    message = f"{entry.verdict.value}: {entry.worst.message}"
    if entry.waiver is not None and entry.verdict is Verdict.WAIVED:
        message = f"waived by {entry.waiver.owner}, {entry.waiver.reason}: {entry.worst.message}"
    message = visible(message)
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
    cause = f"Caused by {entry.caused_by}." if entry.caused_by else ""
    text = "\n".join(filter(None, [cause, entry.requirement.source, entry.worst.curl]))
    failure.text = visible(text)
    return failure
