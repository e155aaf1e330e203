"""What the tools of the kit work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conformance.mcp.report_shelf import ReportShelf
from conformance.mcp.run_process import Progress, RunProcesses
from conformance.mcp.targets import Targets
from conformance.mcp.toolbox import Context

_HEADER = "mcp-session-id"
_STDIO = ""


@dataclass(frozen=True, slots=True)
class KitSession:
    """What may be tested and read, the runs, how to report the progress of this call, and the
    session that it belongs to, None where the protocol has none."""

    targets: Targets
    reports: ReportShelf
    runs: RunProcesses
    progress: Progress
    key: str | None

    def keep(self, report: dict[str, Any]) -> str:
        """Keep the report of a run for this session, and return its name."""
        return self.reports.keep(report, self.key)

    def report(self, name: str | None) -> tuple[str, dict[str, Any]]:
        """Return a report that this session may read, and its name. Raise ConfigurationError."""
        return self.reports.get(name, self.key)


def session_key(context: Context) -> str | None:
    """Return the session of a request: over stdio the process is one; over HTTP the newest
    protocol has none."""
    if context.request is None:
        return _STDIO
    key: str | None = context.request.headers.get(_HEADER)
    return key
