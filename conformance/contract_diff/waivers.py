"""Read the waivers of contract changes: `contract-waivers.toml`, one entry for each tolerated
change with a reason, an owner and the date on which it expires."""

from __future__ import annotations

from pathlib import Path

from conformance.config.toml_file import find
from conformance.config.waivers import read_entries
from conformance.errors import ErrorCollector
from conformance.results.waivers import Waiver

NAME = "contract-waivers.toml"
_SUBJECT = "changes"


def read_contract_waivers(file: Path | None, directory: Path) -> tuple[Waiver, ...]:
    """Return the waivers of the file or, without one, of the directory's file if it exists.

    Raise ConfigurationError for a file that is missing or invalid and for incomplete entries.
    """
    if file is None:
        file = directory / NAME
        if not file.is_file():
            return ()
    found = find(str(file), directory)
    if found is None:
        return ()
    errors = ErrorCollector()
    errors.attempt(found.reject_unknown, found.data, ("waivers",))
    waivers = read_entries(found, errors, _SUBJECT)
    errors.raise_all()
    return waivers
