"""`runs-conformance diff`: show the changes from one report to another."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from conformance.reporters.console import print_line
from conformance.results.report_diff import Change, Difference, compare, read_report
from conformance.vocabulary import ExitCode


@click.command(name="diff")
@click.argument("before", type=Path, metavar="A.json")
@click.argument("after", type=Path, metavar="B.json")
def diff_command(before: Path, after: Path) -> None:
    """Show the changes from the report A.json to the report B.json, and whether the implementation,
    the contract or the kit changed.

    \b
    runs-conformance diff last-release.json report.json

    A verdict is worse if it comes earlier in this row: violation, deviation, error, inconclusive,
    unsupported, waived, pass. Requirements that only one of the reports is about are listed; one
    that the second run should have come to and did not counts as worse.

    \b
    Exit codes: 0 nothing got worse, 1 something did, 2 a file is not a report.
    """
    found = compare(read_report(before), read_report(after))
    console = Console(highlight=False)
    for line in _lines(found):
        print_line(console, line)
    sys.exit(ExitCode.NOT_CONFORMANT if found.worse else ExitCode.CONFORMANT)


def _lines(found: Difference) -> list[Text]:
    lines: list[Text] = []
    for title, style, chosen in (
        ("worse", "bold red", [c for c in found.changes if c.worse]),
        ("better", "bold green", [c for c in found.changes if not c.worse]),
    ):
        if chosen:
            lines.append(Text(title, style))
        lines += [line for change in chosen for line in _change(change)]
    if found.lost:
        lines += [Text("not run any more", "bold red"), Text(f"  {', '.join(found.lost)}")]
    if rest := [each for each in found.gone if each not in found.lost]:
        lines += [Text("only in the first report", "bold"), Text(f"  {', '.join(rest)}")]
    if found.new:
        listed = ", ".join(f"{name} {verdict}" for name, verdict in found.new)
        lines += [Text("only in the second report", "bold"), Text(f"  {listed}")]
    if found.answers:
        lines.append(Text("open questions with another answer", "bold"))
        lines += [
            Text(f"  {number}  {before}, then {after}") for number, before, after in found.answers
        ]
    if found.circumstances:
        lines.append(Text("run with other settings", "bold"))
        lines += [Text(f"  {each}") for each in found.circumstances]
    before, after = found.conclusions
    return [*lines, Text(f"{before}, then {after}", "bold"), Text(_who(found))]


def _change(change: Change) -> list[Text]:
    note = "  (the requirement was changed)" if change.reworded else ""
    head = Text(f"  {change.requirement}  {change.before}, then {change.after}{note}")
    return [head, Text(f"    {change.message}", "dim")] if change.message else [head]


def _who(found: Difference) -> str:
    if found.changed:
        return f"Not only the implementation may have changed: {' and '.join(found.changed)} did."
    if not (found.changes or found.answers or found.lost):
        return "Nothing changed. Kit and contract are the same."
    what = "the implementation, or how it was run" if found.circumstances else "the implementation"
    return f"Kit and contract are the same: what changed is {what}."
