"""The report as one HTML page."""

from pathlib import Path

import jinja2

from mock_server.exam.results import ExamResults

_TEMPLATES = Path(__file__).parents[2] / "templates"


def render(results: ExamResults) -> str:
    """Return the page; it loads nothing."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("exam.html").render(results=results)
