"""Whether what is stored of a world is what was written: for loading it, and for listing it."""

from mock_server.engine.run_state import Json
from mock_server.store import record
from mock_server.store.store import DamagedError, Saved, check_version

_NOT_RUNS = 3
"""Records of a snapshot other than runs: its first, the head of the document, and what is due."""


def head_of(saved: Saved) -> Json:
    """Return the first record of the snapshot. Raise DamagedError if another version wrote it, or
    if it does not have as many runs as it says."""
    if not saved.snapshot:
        raise DamagedError(f"{saved.place} is empty")
    head: Json = record.decode(saved.snapshot[0], f"{saved.place}:1")
    check_version(head, f"{saved.place}:1")
    runs = len(saved.snapshot) - _NOT_RUNS
    if head.get("runs") != runs:
        raise DamagedError(f"{saved.place}: expected {head.get('runs')} runs, got {runs}")
    return head


def check(saved: Saved) -> None:
    """Raise DamagedError for the first record that is not what was written."""
    head_of(saved)
    record.check(saved.snapshot, saved.place)
    for name, records in zip(saved.names, saved.logs, strict=True):
        record.check(records, name, saved.first)
