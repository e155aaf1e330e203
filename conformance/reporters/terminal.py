"""The run for people: what is going on while it lasts, and what came of it, worst first, each fault
with the command that shows it."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from conformance.events import CheckFinished, CheckStarted, Event, Finished, Refused, SetUp, Started
from conformance.report import Entry, Report
from conformance.vocabulary import ExitCode, Verdict

STYLES = {
    Verdict.VIOLATION: "bold red",
    Verdict.DEVIATION: "yellow",
    Verdict.ERROR: "bold magenta",
    Verdict.INCONCLUSIVE: "cyan",
    Verdict.UNSUPPORTED: "dim",
    Verdict.WAIVED: "dim",
    Verdict.PASS: "green",
}
_TOLD: tuple[Verdict, ...] = tuple(v for v in Verdict if v is not Verdict.PASS)


class TerminalReporter:
    """Writes to a console; a line that redraws itself shows progress where that is a terminal."""

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self._console = console
        self._verbose = verbose
        self._progress = Progress(
            TextColumn("{task.fields[verdicts]}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", style="dim"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, verdicts="")
        self._faults = 0

    def on(self, event: Event) -> None:
        """Show one."""
        match event:
            case Refused():
                self.refuse(event.message, event.remedy)
            case SetUp():
                self._set_up(event)
            case Started():
                self._console.print(f"{event.checks} checks against {escape(event.base_url)}")
                if event.again:
                    self._console.print(f"cases at random; the same again: {event.again}")
                self._progress.update(self._task, total=event.checks)
                self._progress.start()
            case CheckStarted():
                self._progress.update(self._task, description=event.name.removeprefix("check_"))
            case CheckFinished():
                self._finished(event)
            case Finished():
                self._progress.stop()
                self._report(event.report)

    def refuse(self, message: str, remedy: str) -> None:
        """Say why there is no run, and what to do."""
        self._progress.stop()
        self._console.print(Text(message, style="bold red"), soft_wrap=True)
        if remedy:
            self._console.print(Text(remedy), soft_wrap=True)

    def _set_up(self, event: SetUp) -> None:
        self._console.print(f"runs are provided by: {event.provisioner}")
        for state, why in event.states.items():
            if state in event.failed:
                self._console.print(Text(f"  {state.value}: {why}", style="bold magenta"))
            elif why and self._verbose:
                self._console.print(Text(f"  {state.value}: {why}", style="dim"))

    def _finished(self, event: CheckFinished) -> None:
        result = event.result
        self._faults += result.verdict in (Verdict.VIOLATION, Verdict.DEVIATION)
        found = f"[red]{self._faults} found[/]" if self._faults else "[green]nothing found[/]"
        self._progress.update(self._task, advance=1, verdicts=found)
        if self._verbose:
            line = Text(f"{result.verdict.value:12}", style=STYLES[result.verdict])
            line.append(f" {result.requirement:10} {result.check}", "default")
            self._console.print(line, soft_wrap=True)

    def _report(self, report: Report) -> None:
        for verdict in _TOLD:
            for entry in report.entries:
                if entry.verdict is verdict:
                    self._entry(entry)
        self._console.print()
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for verdict, count in report.counts.items():
            if count:
                table.add_row(Text(f"{count}", style=STYLES[verdict]), verdict.value)
        self._console.print(table)
        if report.trouble:
            self._console.print(Text(report.trouble, style="bold magenta"))
        fine = report.exit_code is ExitCode.CONFORMANT
        style = "bold green" if fine else "bold red"
        summary = Text(report.conclusion, style=style)
        exercised = f"{report.exercised} of {len(report.entries)} requirements put to the test"
        self._console.print(summary.append(f"   {exercised}, {report.seconds:.1f} s", "default"))

    def _entry(self, entry: Entry) -> None:
        required, worst = entry.requirement, entry.worst
        head = Text(f"\n{entry.verdict.value} ", style=STYLES[entry.verdict])
        head.append(required.id, "bold").append(f"  {required.statement}", "default")
        lines = [Text(worst.message)]
        if entry.verdict in (Verdict.VIOLATION, Verdict.DEVIATION):
            lines.append(Text(f"{required.level.value}: {required.source}", style="dim"))
        if worst.curl:
            lines.append(Text(worst.curl, style="cyan"))
        self._console.print(head, soft_wrap=True)
        for line in lines:
            # Not padded by rich, which would cut off what has to be copied whole.
            self._console.print(Text("  ").append(line), soft_wrap=True)
