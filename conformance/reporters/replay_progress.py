"""Show the progress of a replay, and what kept it from a verdict."""

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


class ReplayReporter:
    """Write to a console; `interrupted` says that the user ended the run."""

    def __init__(self, console: Console) -> None:
        self.interrupted = False
        self._console = console
        self._progress = ProgressLine(console)

    def on(self, event: Event) -> None:
        """Show an event."""
        match event:
            case RunNotStarted():
                self.refuse((event.message, event.hint))
            case SetupFinished():
                for state in sorted(event.failed):
                    text = f"set-up: {state.value}: {event.states[state]}"
                    print_line(self._console, Text(text, style="yellow"))
            case RunStarted():
                print_line(self._console, Text(f"replayed against {event.base_url}"))
                self._progress.begin(event.checks)
            case CheckStarted():
                self._progress.under_way(event.name)
            case CheckFinished():
                self._progress.done("")
            case RunFinished():
                self._progress.stop()
                self.interrupted = event.report.interrupted
                if event.report.problem:
                    print_line(self._console, Text(event.report.problem, style="bold magenta"))

    def refuse(self, *why: tuple[str, str]) -> None:
        """Show why the replay cannot start: pairs of a message and a hint."""
        self._progress.refuse(*why)
