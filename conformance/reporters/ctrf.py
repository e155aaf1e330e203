"""Render the report in the Common Test Report Format, which many dashboards read."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

from conformance import __version__
from conformance.redaction import visible
from conformance.results.report import Entry, Report
from conformance.vocabulary import Verdict

_STATUSES = {
    Verdict.PASS: "passed",
    Verdict.VIOLATION: "failed",
    Verdict.ERROR: "other",
    Verdict.INCONCLUSIVE: "other",
    Verdict.DEVIATION: "other",
    Verdict.UNSUPPORTED: "skipped",
    Verdict.WAIVED: "skipped",
}


def as_ctrf(report: Report) -> str:
    """Return a JSON document with a test for each requirement; times are in milliseconds."""
    tests = [_test(entry, strict=report.strict) for entry in report.entries]
    counts = Counter(test["status"] for test in tests)
    start = round(datetime.fromisoformat(report.started).timestamp() * 1000)
    summary = {name: counts[name] for name in ("passed", "failed", "pending", "skipped", "other")}
    document = {
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "results": {
            "tool": {"name": "runs-conformance", "version": __version__},
            "summary": {"tests": len(tests)}
            | summary
            | {"start": start, "stop": start + round(report.seconds * 1000)},
            "tests": tests,
            "environment": {"testEnvironment": report.base_url},
            "extra": {"conclusion": report.conclusion, "problem": report.problem},
        },
    }
    return visible(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def _test(entry: Entry, *, strict: bool) -> dict[str, Any]:
    failed = strict and entry.verdict is Verdict.DEVIATION
    test: dict[str, Any] = {
        "name": f"{entry.requirement.id} {entry.requirement.statement}",
        "status": "failed" if failed else _STATUSES[entry.verdict],
        "rawStatus": entry.verdict.value,
        "duration": round(sum(result.seconds for result in entry.results) * 1000),
        "tags": [entry.requirement.group, entry.requirement.level.value],
    }
    details = {"message": entry.worst.message, "trace": entry.worst.curl}
    return test | {name: text for name, text in details.items() if text}
