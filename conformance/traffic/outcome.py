"""Show findings on traffic as they come, and the verdicts on both sides at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from rich.console import Console
from rich.text import Text

from conformance.errors import KitError
from conformance.reporters.console import print_line
from conformance.reporters.files import FileReporter, file_reporters
from conformance.reporters.terminal import STYLES, TerminalReporter
from conformance.results.events import RunFinished
from conformance.results.report import Report
from conformance.traffic.findings import Finding
from conformance.traffic.reports import client_files, combined_exit_code
from conformance.traffic.settings import TrafficSettings
from conformance.vocabulary import ExitCode

P = ParamSpec("P")


class Outcome:
    """The terminal, and the files for the reports on the server and on the client: that they can be
    written is known before the observation."""

    def __init__(self, console: Console, settings: TrafficSettings) -> None:
        self._closed = False
        self._console = console
        self._server = file_reporters(settings.reports)
        self._client = file_reporters(client_files(settings.reports))

    def show(self, side: str, finding: Finding) -> None:
        """Print a finding that is new; `side` is server or client."""
        self.safely(self._show)(side, finding)

    def safely(self, show: Callable[P, None]) -> Callable[P, None]:
        """Return a function that prints, and does nothing once standard output is closed."""

        def shown(*args: P.args, **given: P.kwargs) -> None:
            if self._closed:
                return
            try:
                show(*args, **given)
            except (OSError, SystemExit):
                self._closed = True

        return shown

    def _show(self, side: str, finding: Finding) -> None:
        line = Text(f"{side} {finding.verdict.value} ", style=STYLES[finding.verdict])
        line.append(finding.requirement.id, "bold")
        print_line(self._console, line.append(f"  {finding.message}", "not bold default"))

    def conclude(self, server: Report, client: Report) -> ExitCode:
        """Print both verdicts, write the files and return the exit code.

        Raise KitError if a file cannot be written.
        """
        for report, files in ((server, self._server), (client, self._client)):
            for file in files:
                file.on(RunFinished(report))
        self.safely(self._report)("Server", server)
        self.safely(self._report)("Client", client)
        if failed := [file.failed for file in self._files if file.failed]:
            raise KitError("\n".join(failed), "The other reports are written.")
        return combined_exit_code(server, client)

    def _report(self, title: str, report: Report) -> None:
        print_line(self._console, Text(f"\n{title}", style="bold underline"))
        TerminalReporter(self._console).on(RunFinished(report))

    @property
    def _files(self) -> list[FileReporter]:
        return [*self._server, *self._client]
