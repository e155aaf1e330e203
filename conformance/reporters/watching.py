"""A run of which only its progress is of interest: a line that redraws itself where there is a
terminal, and otherwise nothing but what went wrong."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from conformance.events import CheckFinished, CheckStarted, Event, Finished, Refused, SetUp, Started


class Watching:
    """Writes to a console that is not where the result goes."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._seen: set[str] = set()
        self._progress = Progress(
            TextColumn("{task.fields[seen]} questions"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", style="dim"),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, seen=0)

    def on(self, event: Event) -> None:
        """Show one."""
        match event:
            case Refused():
                self.refuse(event.message, event.remedy)
            case SetUp():
                for state in sorted(event.failed):
                    self.tell(f"set-up: {state.value}: {event.states[state]}")
            case Started():
                self._progress.update(self._task, total=event.checks)
                self._progress.start()
            case CheckStarted():
                self._progress.update(self._task, description=event.name.removeprefix("check_"))
            case CheckFinished():
                self._seen |= {seen.question for seen in event.result.observations}
                self._progress.update(self._task, advance=1, seen=len(self._seen))
            case Finished():
                self._progress.stop()
                if not self._quiet:
                    seen = f"{len(self._seen)} questions, {event.report.seconds:.1f} s"
                    self._console.print(Text(f"observed: {seen}", style="dim"))

    def refuse(self, message: str, remedy: str) -> None:
        """Say why there is no run, and what to do."""
        self._progress.stop()
        self._console.print(Text(message, style="bold red"), soft_wrap=True)
        if remedy:
            self._console.print(Text(remedy), soft_wrap=True)

    def tell(self, text: str) -> None:
        """Say something that is worth knowing."""
        self._console.print(Text(text, style="yellow"), soft_wrap=True)
