"""Who plays in the kit's own tests: every mutant, and the runs of the kit that judge them.

Not in ``conftest``: of several folders only one can be imported by that name.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mutants import auth, caches, cancel_retry, events, fuzz, get, http, races, sequences
from mutants import list as list_mutants
from mutating_proxy import Json, Mutant

from conformance.results.report import Report

MODULES = (list_mutants, get, cancel_retry, events, auth, http, caches, fuzz, sequences, races)
MUTANTS: list[Mutant] = [mutant for module in MODULES for mutant in module.mutant.all]
# Those that can be judged by one run, for none of them is in another's way.
GROUPS = [
    [mutant for mutant in MUTANTS if mutant.requirements[0].startswith(f"FUZZ-{phase}-")]
    for phase in ("EXAMPLES", "COVERAGE", "FUZZING", "STATEFUL")
]
GROUPS += [[mutant] for mutant in MUTANTS if not any(mutant in group for group in GROUPS)]
SLOW = "EVENTS-11"
SLOW_MUTANTS = [mutant for mutant in MUTANTS if SLOW in mutant.requirements]
Judge = Callable[..., Report]
PATIENCE = 480
"""Seconds after which a run in the background is ended, and those who wait for its report fail."""


@dataclass(frozen=True, slots=True)
class BackgroundRun:
    """A run of the kit that goes on by itself, one for all processes of these tests. It holds the
    file's lock until it has ended."""

    file: Path

    def report(self) -> Json:
        """What it found, once it has."""
        with self.file.with_suffix(".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
        log = self.file.with_suffix(".log")
        assert self.file.exists(), log.read_text(encoding="utf-8")
        report: Json = json.loads(self.file.read_text(encoding="utf-8"))
        return report

    def output(self) -> str:
        """What it wrote to the terminal, which is none, once it has ended."""
        self.report()
        return self.file.with_suffix(".log").read_text(encoding="utf-8")


@contextmanager
def in_background(
    file: Path, server: AbstractContextManager[str], *words: str, **variables: str
) -> Iterator[BackgroundRun]:
    """Let the kit loose on this server, unless another process of these tests does so or did."""
    with file.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = not file.exists()
        except BlockingIOError:
            mine = False
        if mine:
            command = [sys.executable, "-m", "conformance", "run", "--json", str(file)]
            with server as address, file.with_suffix(".log").open("w") as log:
                command += ["--base-url", address, *words]
                process = subprocess.Popen(
                    command, env=os.environ | variables, stdout=log, pass_fds=[lock.fileno()]
                )
                # It is held by that process alone from now on.
                lock.close()
                giving_up = threading.Timer(PATIENCE, process.kill)
                giving_up.start()
                try:
                    yield BackgroundRun(file)
                finally:
                    # Another process may read its report.
                    process.wait()
                    giving_up.cancel()
    if not mine:
        # Once the lock is given back: it would keep the report from those who wait for it.
        yield BackgroundRun(file)
