"""The report as one page for a browser, from disk and without a network: filters, the evidence and
the traffic of each requirement, and a picture of each observed run."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from conformance import __version__
from conformance.redaction import visible
from conformance.reporters.exchange_chart import exchange_chart
from conformance.reporters.run_chart import ROW, TOP, timeline
from conformance.results.next_steps import next_steps
from conformance.results.report import Entry, Report
from conformance.vocabulary import Level, Operation, Verdict

_PASSING_BODY = 400
# A token of JSON: each is found in one step, from its first character.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+')
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
        chart=exchange_chart,
        runs=[(run, timeline(run)) for run in report.runs],
        levels=_MEANINGS,
        verdicts=[verdict for verdict in Verdict if report.counts[verdict]],
        operations=list(Operation),
        steps=next_steps(report),
        row=ROW,
        top=TOP,
        passing_body=_PASSING_BODY,
    )
    return visible(page)


def _ordered(report: Report) -> Iterator[Entry]:
    """Yield the entries, worst first, each followed by those that it caused."""
    for verdict in Verdict:
        for entry in report.entries:
            if entry.verdict is verdict and not entry.caused_by:
                yield entry
                yield from report.consequences(entry)


def _code(text: str) -> Markup:
    """Return the text as markup in which parts between backticks are code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _pretty(body: str, limit: int = 0) -> str:
    """Return a body that is complete JSON indented, any other as it is, cut at the limit if there
    is one. No text in it is decoded: text spelled with escapes may be a secret."""
    text = body
    with contextlib.suppress(ValueError, RecursionError):
        if isinstance(json.loads(body), dict | list):
            text = "".join(_indented(body))
    return text if not limit or len(text) <= limit else f"{text[:limit]} …"


def _indented(body: str) -> Iterator[str]:
    depth, parts = 0, _TOKEN.findall(body)
    for number, part in enumerate(parts):
        before, after = parts[number - 1 : number], parts[number + 1 : number + 2]
        if part in "}]":
            depth -= 1
            yield part if before[:1] in (["{"], ["["]) else f"\n{'  ' * depth}{part}"
        elif part in "{[":
            depth += 1
            yield part if after[:1] in (["}"], ["]"]) else f"{part}\n{'  ' * depth}"
        elif part == ",":
            yield f",\n{'  ' * depth}"
        else:
            yield ": " if part == ":" else part
