"""Show the progress of a run: a line that is redrawn in a terminal, and elsewhere, as in a CI log,
a plain line every few seconds."""

from __future__ import annotations

import threading
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from conformance.reporters.console import print_line

EVERY = 10.0


class ProgressLine:
    """Shows the current check and, in markup, the results so far: `status` at first. Shows nothing
    if not `shown`. `every` is the time from one plain line to the next, in seconds."""

    def __init__(
        self, console: Console, status: str = "", *, shown: bool = True, every: float = EVERY
    ) -> None:
        self._console = console
        self._plain = shown and not console.is_terminal
        self._every = every
        self._stopped = threading.Event()
        # Its own thread: where one check takes a minute, nothing else happens in it.
        self._writer = threading.Thread(target=self._write_lines, daemon=True)
        self._bar = Progress(
            TextColumn("{task.fields[status]}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", style="dim"),
            console=console,
            transient=True,
            disable=not shown or not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, status=status)

    def begin(self, checks: int) -> None:
        """There are so many checks to come."""
        self._bar.update(self._task, total=checks)
        if self._plain:
            self._writer.start()
        else:
            self._bar.start()

    def under_way(self, check: str) -> None:
        """A check has begun."""
        self._bar.update(self._task, description=check.removeprefix("check_"))

    def done(self, status: str) -> None:
        """A check has ended."""
        self._bar.update(self._task, advance=1, status=status)

    def stop(self) -> None:
        """Nothing more is to be shown."""
        self._stopped.set()
        if self._writer.is_alive():
            self._writer.join(1)
        self._bar.stop()

    def refuse(self, *why: tuple[str, str]) -> None:
        """Show why the run cannot start: pairs of a message and a hint."""
        self.stop()
        for message, hint in why:
            print_line(self._console, Text(message, style="bold red"))
            if hint:
                print_line(self._console, Text(hint))

    def _write_lines(self) -> None:
        start = time.monotonic()
        (task,) = self._bar.tasks
        while not self._stopped.wait(self._every):
            status = Text.from_markup(task.fields["status"]).plain
            line = f"{time.monotonic() - start:4.0f} s  {task.completed:.0f} of {task.total:.0f}"
            parts = (line, status, task.description)
            self._console.print(Text("  ".join(filter(None, parts)), style="dim"), soft_wrap=True)
