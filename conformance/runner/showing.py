"""A verdict in pytest's own terms, for those who run the kit as tests."""

from __future__ import annotations

import pytest

from conformance.config.settings import Settings
from conformance.results.result import Result
from conformance.vocabulary import Verdict


def show(report: pytest.TestReport, result: Result, settings: Settings, today: str) -> None:
    """Let pytest's report of a check say what the kit's does: what is waived is skipped, with the
    reason. `today` is the day by which waivers are in force."""
    strict = (Verdict.DEVIATION,) if settings.strict else ()
    covering = (w for w in settings.waivers if w.covers(result.requirement))
    waiver = next((w for w in covering if not w.expired(today)), None)
    said = f"{result.verdict}: {result.message}"
    if waiver is not None and result.verdict.fails:
        report.outcome = "skipped"
        said = f"waived by {waiver.owner}, {waiver.reason}: {said}"
    elif result.verdict in (Verdict.VIOLATION, Verdict.ERROR, *strict):
        report.outcome = "failed"
        lines = f"{result.requirement} {said}", result.curl
        report.longrepr = "\n".join(line for line in lines if line)
    elif result.verdict is Verdict.PASS:
        report.outcome = "passed"
    else:
        report.outcome = "skipped"
    if report.outcome == "skipped":
        report.longrepr = (str(report.fspath), report.location[1] or 0, said)
