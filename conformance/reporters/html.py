"""The report as one page for a browser, from disk and without a network: filters, the evidence and
the traffic of each requirement, and a picture of each observed run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from conformance import __version__
from conformance.reporters.run_chart import ROW, TOP, timeline
from conformance.results.report import Entry, Report
from conformance.vocabulary import Level, Operation, Verdict

_PASSING_BODY = 600
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"}
"""Control characters, which a page must not hold, and what Unicode has to show them by."""

_MEANINGS = {
    Level.DOCUMENTED: "the reference page says it",
    Level.DERIVED: "it follows from what the reference page says, by logic alone",
    Level.ANALOGUE: "the platform documents it for a sibling resource",
    Level.INFERRED: "it is convention; nothing says it",
}


def as_page(report: Report) -> str:
    """The page; every text in it that came from elsewhere is escaped."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"pretty": _pretty, "code": _code}
    page = pages.get_template("report.html").render(
        version=__version__,
        report=report,
        entries=list(_ordered(report)),
        runs=[(run, timeline(run)) for run in report.runs],
        levels=_MEANINGS,
        verdicts=[verdict for verdict in Verdict if report.counts[verdict]],
        operations=list(Operation),
        row=ROW,
        top=TOP,
        passing_body=_PASSING_BODY,
    )
    return page.translate(_PICTURES)


def _ordered(report: Report) -> Iterator[Entry]:
    """Worst first, and what only follows behind what it follows from."""
    for verdict in Verdict:
        for entry in report.entries:
            if entry.verdict is verdict and not entry.caused_by:
                yield entry
                yield from report.consequences(entry)


def _code(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _pretty(body: str, limit: int = 0) -> str:
    """A body that is whole JSON indented, any other as it is, cut at the limit if there is one."""
    text = body
    try:
        value: Any = json.loads(body)
        if isinstance(value, dict | list):
            text = json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        pass
    return text if not limit or len(text) <= limit else f"{text[:limit]} …"
