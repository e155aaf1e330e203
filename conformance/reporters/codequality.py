"""Render the report for GitLab: its code quality widget shows each failure at the line of the
contract that is not met."""

from __future__ import annotations

import json
from hashlib import sha256

from conformance.contract import contract as contracts
from conformance.contract.yaml_file import Lines
from conformance.redaction import visible
from conformance.resources import contract_file
from conformance.results.report import Entry, Report
from conformance.vocabulary import Verdict

_FOUND = (Verdict.VIOLATION, Verdict.DEVIATION)


def as_codequality(report: Report) -> str:
    """Return a JSON array with an issue for each failure that no waiver covers."""
    lines, contract = Lines(contract_file().read_text(encoding="utf-8")), contracts.load()

    def issue(entry: Entry) -> dict[str, object]:
        worst = entry.worst
        location = worst.contract_location or contract.operation_pointer(
            entry.requirement.operation
        )
        identity = f"{entry.requirement.id} {worst.contract_location}"
        return {
            "type": "issue",
            "check_name": entry.requirement.id,
            "description": f"{entry.requirement.statement} {worst.message}",
            "categories": ["Compatibility"],
            "severity": _severity(entry, strict=report.strict),
            "fingerprint": sha256(identity.encode()).hexdigest(),
            "location": {"path": "openapi.yaml", "lines": {"begin": lines.of(location)}},
        }

    found = [issue(entry) for entry in report.entries if entry.verdict in _FOUND]
    return visible(json.dumps(found, indent=2, ensure_ascii=False)) + "\n"


def _severity(entry: Entry, *, strict: bool) -> str:
    if entry.caused_by:
        return "info"
    return "critical" if entry.verdict is Verdict.VIOLATION or strict else "minor"
