"""Start a run of the checks in a process of its own, follow it, and end it when it is cancelled."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio

from conformance.errors import CombinedConfigurationError, KitError
from conformance.mcp.targets import Target

MAX_RUNS = 2
_LATER = 60.0
"""Seconds after the budget in which a run cleans up and reports."""

_GRACE = 10.0
"""Seconds that an interrupted run has to cancel what it has created."""

_MAX_LINE = 1_048_576

Progress = Callable[[float, float, str], Awaitable[None]]


class RunProcesses:
    """The runs of this server, `MAX_RUNS` at a time."""

    def __init__(self) -> None:
        self._running = 0

    async def run(
        self, target: Target, options: dict[str, Any], budget: int, progress: Progress
    ) -> dict[str, Any]:
        """Run the checks and return the report. Raise KitError without one.

        Cancelling the call interrupts the run.
        """
        if self._running >= MAX_RUNS:
            raise KitError(
                f"expected at most {MAX_RUNS} runs at a time, got another.",
                "Wait for one to end, or cancel it.",
            )
        self._running += 1
        try:
            with tempfile.TemporaryDirectory(prefix="runs-conformance-") as directory:
                return await _run(target, options, budget, progress, Path(directory))
        except OSError as fault:
            raise KitError(
                f"expected a process and a directory for the run: {fault.strerror}.",
                "Free memory and disk space.",
            ) from None
        finally:
            self._running -= 1


async def _run(
    target: Target, options: dict[str, Any], budget: int, progress: Progress, directory: Path
) -> dict[str, Any]:
    file, empty = directory / "report.json", directory / "empty"
    empty.mkdir()
    job = {
        "options": {**options, **target.options, "budget": f"{budget}s"},
        "report": str(file),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "conformance.mcp.child"),
        cwd=empty if target.isolated else None,
        env=dict(target.environment),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        limit=_MAX_LINE,
    )
    try:
        with anyio.fail_after(budget + _LATER):
            error = await _follow(process, job, progress)
            await process.wait()
    except TimeoutError:
        raise KitError(
            f"expected the run to end within {budget} seconds and its clean-up, got no end.",
            "Test fewer requirements with include.",
        ) from None
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)
    if error is not None:
        raise error
    try:
        report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise KitError(
            f"expected a report, got none: the run ended with exit code {process.returncode}.",
            "Run the same with runs-conformance run and read its output.",
        ) from None
    return report


async def _follow(process: Process, job: dict[str, Any], progress: Progress) -> KitError | None:
    """Send the job, report progress until the end, and return the error, if there was one."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(job).encode() + b"\n")
    total, done = 0.0, 0.0
    async for line in process.stdout:
        event = json.loads(line)
        match event:
            case {"error": parts}:
                return CombinedConfigurationError(tuple((m, h) for m, h in parts))
            case {"checks": int(checks)}:
                total = float(checks)
                await progress(done, total, f"{checks} checks")
            case {"waiting": str(why)}:
                await progress(done, total, why)
            case {"finished": str(what)}:
                done += 1
                await progress(done, max(total, done), what)
    return None


async def _end(process: Process) -> None:
    """Interrupt the process if it runs, and kill it if it does not end."""
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is not None:
        return
    with anyio.move_on_after(_GRACE):
        await process.wait()
        return
    process.kill()
    await process.wait()
