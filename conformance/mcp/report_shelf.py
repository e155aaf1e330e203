"""The reports that an agent may read: those of its runs, and those in a directory of the user."""

from __future__ import annotations

import re
import stat
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conformance.errors import ConfigurationError
from conformance.results.report_diff import read_report

_MAX_KEPT = 20
_MAX_FILE = 64 * 1_048_576
_MAX_LISTED = 20
_FILE = re.compile(r"\A[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}\.json")


class ReportShelf:
    """Reports by name: `run-1`, `run-2`, ..., the newest `_MAX_KEPT` of all sessions, each for the
    session of its run only, and files of `directory` for all.

    Clients without a session share theirs, and name the one that they read.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = None if directory is None else directory.resolve()
        self._kept: OrderedDict[str, tuple[str | None, dict[str, Any]]] = OrderedDict()
        self._count = 0

    def keep(self, report: dict[str, Any], session: str | None) -> str:
        """Keep the report of a run for its session, and return its name."""
        self._count += 1
        name = f"run-{self._count}"
        self._kept[name] = session, report
        if len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        return name

    def get(self, name: str | None, session: str | None) -> tuple[str, dict[str, Any]]:
        """Return a report that the session may read, and its name; without a name the newest of
        its runs.

        Raise ConfigurationError if there is none.
        """
        own = {each: report for each, (owner, report) in self._kept.items() if owner == session}
        if name is None and session is not None and own:
            name = next(reversed(own))
        if name is None:
            raise ConfigurationError(
                f"report: expected the name of one, got none.{self._listed(own)}",
                "Call run_checks first."
                if session is not None
                else "This connection has no sessions. Pass the `report` that run_checks returned.",
            )
        return name, own[name] if name in own else self._read(name, own)

    def _read(self, name: str, own: Iterable[str]) -> dict[str, Any]:
        directory = self._directory
        unknown = ConfigurationError(
            f"report: expected the name of a report, got {name[:100]!r}.{self._listed(own)}",
            "Call run_checks, or let the user start this server with --reports DIR.",
        )
        if directory is None or not _FILE.fullmatch(name):
            raise unknown
        path = directory / name
        try:
            # A link may lead out of the directory, and reading a pipe would wait for a writer.
            status = path.lstat()
        except OSError:
            raise unknown from None
        if not stat.S_ISREG(status.st_mode):
            raise unknown
        if status.st_size > _MAX_FILE:
            raise ConfigurationError(
                f"report: expected at most {_MAX_FILE} bytes, got {status.st_size}.",
                "Test fewer requirements with include.",
            )
        return read_report(path)

    def _listed(self, own: Iterable[str]) -> str:
        names = list(own)
        if self._directory is not None:
            names += sorted(each.name for each in self._directory.glob("*.json"))
        return f" There are {', '.join(names[-_MAX_LISTED:])}." if names else ""
