"""Show the progress of a run that writes a behaviour profile, and its failures."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from conformance.reporters.console import print_line
from conformance.reporters.progress import ProgressLine
from conformance.results.events import (
    CheckFinished,
    CheckStarted,
    Event,
    RunFinished,
    RunNotStarted,
    RunStarted,
    SetupFinished,
)


class ProfileReporter:
    """Write to a console other than the one that gets the profile."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._seen: set[str] = set()
        self._progress = ProgressLine(console, "0 questions", shown=not quiet)

    def on(self, event: Event) -> None:
        """Show an event."""
        match event:
            case RunNotStarted():
                self.refuse((event.message, event.hint))
            case SetupFinished():
                for state in sorted(event.failed):
                    self.warn(f"set-up: {state.value}: {event.states[state]}")
            case RunStarted():
                self._progress.begin(event.checks)
            case CheckStarted():
                self._progress.under_way(event.name)
            case CheckFinished():
                self._seen |= {seen.question for seen in event.result.observations}
                self._progress.done(f"{len(self._seen)} questions")
            case RunFinished():
                self._progress.stop()
                if not self._quiet:
                    seen = f"{len(self._seen)} questions, {event.report.seconds:.1f} s"
                    self._console.print(Text(f"observed: {seen}", style="dim"))

    def refuse(self, *why: tuple[str, str]) -> None:
        """Show why the run cannot start: pairs of a message and a hint."""
        self._progress.refuse(*why)

    def warn(self, text: str) -> None:
        """Show a warning."""
        print_line(self._console, Text(text, style="yellow"))
