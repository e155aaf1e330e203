"""Write the blob of a shard when its checks have ended."""

from __future__ import annotations

from pathlib import Path

from conformance.reporters.files import prepare, write
from conformance.results.blob import as_blob
from conformance.results.events import Event, RunFinished
from conformance.results.former_blob import remove_blob


class BlobReporter:
    """Writes the blob; `failed` says why that did not work, if it did not. A blob of an earlier run
    is removed at the start: a shard that does not come to its end is missing."""

    def __init__(self, path: Path) -> None:
        self.failed = ""
        self._path = path
        prepare("--blob", path)
        remove_blob(path)

    def on(self, event: Event) -> None:
        """Write when the run has ended."""
        if not isinstance(event, RunFinished) or event.record is None:
            return
        try:
            write(self._path, as_blob(event.record))
        except OSError as fault:
            self.failed = f"--blob {self._path}: {fault.strerror}."
