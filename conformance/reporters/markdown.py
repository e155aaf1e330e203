"""Render the report as Markdown, for the summary of a CI job or a comment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from conformance.redaction import visible
from conformance.results.next_steps import next_steps
from conformance.results.report import Entry, Report
from conformance.vocabulary import Verdict

_LINKED = re.compile(r"@|#|:(?=//)|www(?=\.)|\bGH-(?=\d)|(?<!\w)[!~%](?=\w)")
_FOUND = (Verdict.VIOLATION, Verdict.DEVIATION)


def as_markdown(report: Report) -> str:
    """Return the conclusion, the counts, and each failure with its command and consequences; the
    rest is folded."""
    return visible("\n".join(_markdown(report))) + "\n"


def _markdown(report: Report) -> Iterator[str]:
    address = f": {plain_text(report.base_url)}" if report.base_url else ""
    yield f"## {report.headline.capitalize()}{address}"
    counts = ", ".join(_counted(n, verdict) for verdict, n in report.counts.items() if n)
    tested = f"{report.tested} of {report.selected} requirements tested"
    # Where nothing was selected, nothing began.
    if report.selected:
        yield f"\n{tested}: {counts}." if counts else f"\n{tested}."
    # A merge may have several problems, each on a line.
    for line in filter(None, (*report.problem.split("\n"), *report.notes, *report.stale_waivers)):
        yield f"\n> {plain_text(line)}"
    if report.not_run:
        yield f"\n> Not run: {', '.join(report.not_run)}"
    roots = [entry for entry in report.entries if not entry.caused_by]
    for verdict in _FOUND:
        for entry in roots:
            if entry.verdict is verdict:
                yield from _fault(report, entry)
    yield from _undecided(roots)
    if steps := next_steps(report):
        yield "\n**Next**\n"
        yield from (f"- {plain_text(step)}" for step in steps)


def _undecided(roots: Iterable[Entry]) -> Iterator[str]:
    for verdict in (Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.WAIVED, Verdict.UNSUPPORTED):
        listed = [entry for entry in roots if entry.verdict is verdict]
        if listed:
            yield f"\n<details><summary>{len(listed)} {verdict.value}</summary>\n"
            yield "| requirement | why |"
            yield "| --- | --- |"
            for entry in listed:
                yield f"| {entry.requirement.id} | {_why(entry)} |"
            yield "\n</details>"


def _fault(report: Report, entry: Entry) -> Iterator[str]:
    required, worst = entry.requirement, entry.worst
    yield f"\n### {entry.verdict.value} {required.id}: {plain_text(required.statement)}\n"
    yield plain_text(worst.message)
    yield f"\n_{required.level.value}: {plain_text(required.source)}_"
    if worst.curl:
        fence = "`" * max(3, 1 + _longest_fence(worst.curl))
        yield f"\n{fence}sh\n{worst.curl}\n{fence}"
    followers = report.consequences(entry)
    if followers:
        names = (f"{f.requirement.id} ({f.verdict.value})" for f in followers)
        yield f"\nCaused by the same fault: {', '.join(names)}."


def _counted(number: int, verdict: Verdict) -> str:
    plural = number != 1 and verdict in (*_FOUND, Verdict.ERROR)
    return f"{number} {verdict.value}{'s' if plural else ''}"


def _why(entry: Entry) -> str:
    if entry.waiver is not None and entry.verdict is Verdict.WAIVED:
        waiver = entry.waiver
        until = f"until {waiver.expires} by {waiver.owner}"
        return plain_text(f"{entry.verdict_before_waiver.value}, {until}: {waiver.reason}")
    return plain_text(entry.worst.message)


def _longest_fence(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest


def plain_text(text: str) -> str:
    """Return text in which nothing is markup, a link, a mention or a reference, on one line."""
    plain = escape(" ".join(text.split()), quote=False)
    for character in "\\`*_[]|#":
        plain = plain.replace(character, f"\\{character}")
    # Sites make links of these after Markdown is rendered, unless a space of no width is in them.
    return _LINKED.sub(lambda found: f"{found[0]}&#8203;", plain)
