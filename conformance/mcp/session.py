"""What the tools of the kit work with."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.mcp.report_shelf import ReportShelf
from conformance.mcp.run_process import Progress, RunProcesses
from conformance.mcp.targets import Targets


@dataclass(frozen=True, slots=True)
class KitSession:
    """What may be tested and read, the runs, and how to report the progress of this call."""

    targets: Targets
    reports: ReportShelf
    runs: RunProcesses
    progress: Progress
