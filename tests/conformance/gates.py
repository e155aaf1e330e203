"""Gates as commands, whose reports are read: for measurements that are made by hand."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend_process import KEYS, TOP


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate that has ended, and how many seconds it took."""

    exit_code: int
    seconds: float
    report: dict[str, Any]

    @property
    def requests(self) -> int:
        """How many requests the checks made, apart from generated tests."""
        checks = [
            check
            for entry in self.report["requirements"]
            if not entry["id"].startswith("FUZZ")
            for check in entry["checks"]
        ]
        return sum(check["requests"] for check in checks)

    def with_verdicts(self, *verdicts: str) -> dict[str, str]:
        """Return the requirements with one of these verdicts, and the message of each."""
        return {
            entry["id"]: str(entry["message"])
            for entry in self.report["requirements"]
            if entry["verdict"] in verdicts
        }


def prepare() -> None:
    """Let SIGTERM end this process as an exception does, so that it stops its servers, and let
    these say nothing of clients that have left."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def gate(address: str, home: Path, words: Sequence[str]) -> Gate:
    """Run a gate with these options; exit if it writes no report."""
    file = home / "report.json"
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "conformance", "run", "--quiet"]
    command += ["--base-url", address, "--json", str(file), *words]
    start = time.monotonic()
    variables = os.environ | KEYS | {"PYTHONPATH": str(TOP)}
    done = subprocess.run(
        command, cwd=home, env=variables, capture_output=True, text=True, check=False
    )
    if not file.exists():
        sys.exit(f"{done.stderr}The kit exited with {done.returncode} and without a report.")
    seconds = time.monotonic() - start
    return Gate(done.returncode, seconds, json.loads(file.read_text(encoding="utf-8")))
