"""Show a run in the terminal: progress while it lasts, then the failures, worst first, each with
the command that reproduces it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.provision.protocol import DERIVED
from conformance.reporters.console import print_line
from conformance.reporters.progress import ProgressLine
from conformance.results.events import (
    CheckFinished,
    CheckStarted,
    Event,
    PlannedByRate,
    RateLimited,
    RunFinished,
    RunNotStarted,
    RunStarted,
    SetupFinished,
    WaitingForApi,
)
from conformance.results.failure import failed_entries
from conformance.results.next_steps import next_steps
from conformance.results.report import Entry, Report
from conformance.vocabulary import ExitCode, Untested, Verdict

STYLES = {
    Verdict.VIOLATION: "bold red",
    Verdict.DEVIATION: "yellow",
    Verdict.ERROR: "bold magenta",
    Verdict.INCONCLUSIVE: "cyan",
    Verdict.UNSUPPORTED: "dim",
    Verdict.WAIVED: "dim",
    Verdict.PASS: "green",
}
_SHOWN_VERDICTS: tuple[Verdict, ...] = tuple(v for v in Verdict if v is not Verdict.PASS)
_MAX_NAMED = 12


class TerminalReporter:
    """Writes to a console."""

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self._console = console
        self._verbose = verbose
        self._progress = ProgressLine(console, shown=not verbose or console.is_terminal)
        self._faults = 0
        self._next_line_at = 0.0

    def on(self, event: Event) -> None:
        """Show an event."""
        match event:
            case RunNotStarted():
                self.refuse((event.message, event.hint))
            case WaitingForApi():
                self._waiting(event)
            case RateLimited():
                self._progress.under_way(f"rate limited (429): waiting {event.seconds:.0f} s")
            case PlannedByRate():
                self._print(Text(event.text, style="yellow"))
            case SetupFinished():
                self._set_up(event)
            case RunStarted():
                self._started(event)
                self._progress.begin(event.checks)
            case CheckStarted():
                self._progress.under_way(event.name)
            case CheckFinished():
                self._finished(event)
            case RunFinished():
                self._progress.stop()
                self._report(event.report)

    def refuse(self, *why: tuple[str, str]) -> None:
        """Show why the run cannot start: pairs of a message and a hint."""
        self._progress.refuse(*why)

    def name_failures(self, report: Report, folder: Path | None) -> None:
        """Say where the failures were written, if they were, and how to send one again."""
        failed = failed_entries(report) if folder is not None else []
        if folder is not None and failed:
            first = folder / f"{failed[0].requirement.id}.json"
            text = f"{counted(len(failed), 'failure')} in {folder}. Send one again: "
            self._print(Text(f"{text}runs-conformance replay {shlex.quote(str(first))}"))

    def _started(self, event: RunStarted) -> None:
        first, *others = event.credentials
        self._print(Text(f"{counted(event.checks, 'check')} against {event.base_url}"))
        if event.again:
            self._print(Text(f"random cases; repeat them with: {event.again}"))
        if others:
            schemes = " and ".join(f"--{scheme}" for scheme in others)
            text = f"default credential: --{first}; {schemes} where a check is about that scheme"
            self._print(Text(text, style="dim"))

    def _waiting(self, event: WaitingForApi) -> None:
        # A line when it begins and every ten seconds: the same in a terminal and in the log of CI.
        if event.seconds >= self._next_line_at:
            self._next_line_at = event.seconds + 10
            line = Text(f"waiting for the API, {event.seconds:.0f} of {event.limit:.0f} s: ")
            self._print(line.append(event.why, "dim"))

    def _set_up(self, event: SetupFinished) -> None:
        if event.config:
            self._print(Text(f"Configuration: {event.config}", style="dim"))
        if event.tenant:
            self._print(Text(f"Tenant: {event.tenant}"))
        for line in setup_lines(event, all_states=self._verbose):
            self._print(line)

    def _finished(self, event: CheckFinished) -> None:
        result = event.result
        self._faults += result.verdict in (Verdict.VIOLATION, Verdict.DEVIATION)
        found = (
            f"[red]{counted(self._faults, 'failure')}[/]"
            if self._faults
            else "[green]no failures[/]"
        )
        self._progress.done(found)
        if self._verbose:
            line = Text(f"{result.verdict.value:12}", style=STYLES[result.verdict])
            line.append(f" {result.requirement:10} {result.check}", "default")
            self._print(line)

    def _report(self, report: Report) -> None:
        for verdict in _SHOWN_VERDICTS:
            roots = [e for e in report.entries if e.verdict is verdict and not e.caused_by]
            roots = [e for e in roots if e.untested is not Untested.NOT_EXERCISED]
            for group in _grouped(report, roots):
                self._entry(report, group)
        self._console.print()
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for verdict, count in report.counts.items():
            if count:
                table.add_row(Text(f"{count}", style=STYLES[verdict]), verdict.value)
        self._console.print(table)
        for line in report.notes:
            self._print(Text(line, style="bold yellow reverse"))
        for line in filter(None, (report.problem, *report.stale_waivers)):
            self._print(Text(line, style="bold magenta"))
        if report.not_run:
            first, more = report.not_run[:_MAX_NAMED], len(report.not_run) - _MAX_NAMED
            line = f"not run: {', '.join(first)}" + (f" and {more} more" if more > 0 else "")
            self._print(Text(line, style="magenta"))
        fine = report.exit_code is ExitCode.CONFORMANT
        style = "bold green" if fine else "bold red"
        summary = Text(report.headline, style=style)
        tested, _, rest = report.coverage.partition("; ")
        text = f"   {tested} in {report.seconds:.1f} s"
        self._print(summary.append(text, "not bold default"))
        if rest:
            self._print(Text(f"   {rest}", style="dim"))
        for number, step in enumerate(next_steps(report)):
            self._print(Text("Next: " if not number else "      ", "bold").append(step, "not bold"))

    def _entry(self, report: Report, group: Sequence[Entry]) -> None:
        """Show one failure with its consequences, or several results with the same message."""
        first = group[0]
        required, worst = first.requirement, first.worst
        head = Text(f"\n{first.verdict.value} ", style=STYLES[first.verdict])
        if len(group) == 1:
            head.append(required.id, "bold").append(f"  {required.statement}", "default")
        else:
            head.append(", ".join(entry.requirement.id for entry in group), "bold")
        self._print(head)
        lines = [Text(worst.message)]
        if first.waiver is not None and first.verdict is Verdict.WAIVED:
            waiver = first.waiver
            was = first.verdict_before_waiver.value
            why = f"{was}, waived until {waiver.expires} by {waiver.owner}: "
            lines.insert(0, Text(f"{why}{waiver.reason}"))
        if first.verdict_before_waiver in (Verdict.VIOLATION, Verdict.DEVIATION):
            lines.append(Text(f"{required.level.value}: {required.source}", style="dim"))
        if worst.curl:
            lines.append(Text(worst.curl, style="cyan"))
        for line in lines:
            self._print(Text("  ").append(line))
        followers = report.consequences(first)
        if followers:
            self._print(Text("  caused by the same fault:", style="dim"))
        for entry in followers:
            line = Text(f"    {entry.verdict.value} ", style=STYLES[entry.verdict])
            line.append(entry.requirement.id, "bold")
            self._print(line.append(f"  {entry.worst.message}", "not bold default"))

    def _print(self, line: Text) -> None:
        print_line(self._console, line)


class QuietReporter:
    """Show nothing for a run without failures, and only the result of any other."""

    def __init__(self, terminal: TerminalReporter) -> None:
        self._terminal = terminal

    def on(self, event: Event) -> None:
        """Pass on the end of a run that failed."""
        fine = isinstance(event, RunFinished) and event.report.exit_code is ExitCode.CONFORMANT
        if isinstance(event, RunFinished | RunNotStarted) and not fine:
            self._terminal.on(event)


def counted(number: int, noun: str) -> str:
    """Return the number and its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _grouped(report: Report, entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Yield entries one by one; those without a failure and with the same message together."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        alone = entry.verdict_before_waiver in (
            Verdict.VIOLATION,
            Verdict.DEVIATION,
        ) or report.consequences(entry)
        own = entry.requirement.id if alone else ""
        groups.setdefault((own, entry.worst.message), []).append(entry)
    yield from groups.values()


def setup_lines(event: SetupFinished, *, all_states: bool) -> Iterator[Text]:
    """The lines; those of states that are provided, or made by the kit itself, if it is the `whole`
    that is wanted."""
    yield Text(f"Provisioner: {event.provisioner}")
    for state, why in event.states.items():
        word, style = ("no", "dim") if why else ("yes", "green")
        if state in event.failed:
            word, style = "failed", "bold magenta"
        elif why and state in DERIVED:
            word = "derived"
        if all_states or word in ("no", "failed"):
            line = Text(f"  {state.value:14}").append(f"{word:8}", style).append(why, style)
            line.rstrip()
            yield line
