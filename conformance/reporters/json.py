"""Render the report as JSON; its schema is report.schema.json."""

from __future__ import annotations

import json

from conformance.redaction import visible
from conformance.results.report import Report


def as_json(report: Report) -> str:
    """The report as indented JSON."""
    return visible(json.dumps(report.to_json(), indent=2, ensure_ascii=False)) + "\n"
