"""The server of the kit's tools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.lowlevel.server import Server

from conformance.mcp import catalogue_tools, report_tools, run_tools, toolbox
from conformance.mcp.report_shelf import ReportShelf
from conformance.mcp.run_process import RunProcesses
from conformance.mcp.session import KitSession, session_key
from conformance.mcp.targets import Targets
from conformance.mcp.toolbox import Context

TOOLS = (*catalogue_tools.TOOLS, *run_tools.TOOLS, *report_tools.TOOLS)
_INSTRUCTIONS = """\
A conformance kit for implementations of the Automation runs API. list_requirements and
explain_requirement say what is required and why; run_checks tests an API; read_report and
read_finding show what failed, with evidence. Fix a finding, then run its requirement alone with
include. Lists are short: use limit and offset."""


def build(targets: Targets, reports: ReportShelf) -> Server[Any]:
    """Return a server for these targets and reports."""
    runs = RunProcesses()

    def session(context: Context) -> KitSession:
        async def progress(done: float, total: float, message: str) -> None:
            await context.session.report_progress(done, total or None, message)

        return KitSession(targets, reports, runs, progress, session_key(context))

    @asynccontextmanager
    async def lifespan(_: Server[Any]) -> AsyncIterator[None]:
        yield

    return toolbox.server("runs-conformance", _INSTRUCTIONS, TOOLS, session, lifespan)
