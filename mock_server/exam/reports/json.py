"""The report as JSON."""

import json

from mock_server.exam.results import ExamResults


def render(results: ExamResults) -> str:
    """Return the report as JSON."""
    return json.dumps(results.to_json(), indent=2, ensure_ascii=False) + "\n"
