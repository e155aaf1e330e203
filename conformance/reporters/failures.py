"""Write a file for each failed requirement, to send its requests again or to open in the mock."""

from __future__ import annotations

import json
from pathlib import Path

from conformance.contract.contract import load
from conformance.errors import ConfigurationError
from conformance.reporters.files import write
from conformance.results.events import Event, RunFinished
from conformance.results.failure import document, failed_entries
from conformance.results.report import Report


class FailuresReporter:
    """Writes to a directory; `failed` says why that did not work, if it did not. Files of other
    requirements that are there already are left alone."""

    def __init__(self, folder: Path) -> None:
        self.failed = ""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise ConfigurationError(
                f"--failures {folder}: {fault.strerror}.", "Name a directory that can be written."
            ) from None

    def on(self, event: Event) -> None:
        """Write when all is over."""
        if isinstance(event, RunFinished):
            try:
                self._write(event.report)
            except OSError as fault:
                self.failed = f"--failures {self._folder}: {fault.strerror}."

    def _write(self, report: Report) -> None:
        contract = load()
        for entry in failed_entries(report):
            text = json.dumps(
                document(report, entry, contract), indent=1, ensure_ascii=False, default=str
            )
            write(failure_file(self._folder, entry.requirement.id), f"{text}\n")


def failure_file(folder: Path, requirement: str) -> Path:
    """Return the file of a requirement in a directory: its id is a valid name everywhere."""
    return folder / f"{requirement}.json"
