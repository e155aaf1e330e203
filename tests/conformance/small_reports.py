"""Reports with a few verdicts, made without a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conformance.catalogue.requirements import load
from conformance.results.report import Report, entries_from
from conformance.results.result import Result
from conformance.vocabulary import Verdict


def report(
    verdicts: dict[str, str],
    *,
    strict: bool = False,
    started: str = "2026-03-02T08:15:00Z",
    base_url: str = "http://127.0.0.1:1",
) -> dict[str, Any]:
    """A report, as JSON, with these verdicts by requirement."""
    catalogue = load()
    results = [Result(name, "check", Verdict(word)) for name, word in verdicts.items()]
    made = Report(
        base_url=base_url,
        contract="1.0.0",
        provisioner="mock",
        states={},
        entries=entries_from([catalogue[name] for name in verdicts], results, ()),
        strict=strict,
        started=started,
        seconds=1.0,
    )
    return made.to_json()


def write(file: Path, content: dict[str, Any]) -> Path:
    """Write a report into the file; the result is the file."""
    file.write_text(json.dumps(content), encoding="utf-8")
    return file
