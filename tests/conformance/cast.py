"""Who plays in the kit's own tests: every liar, and the runs of the kit that judge them.

Not in ``conftest``: of several folders only one can be imported by that name.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from liars import (
    changing,
    fuzzing,
    listing,
    protocol,
    races,
    reading,
    sequences,
    strangers,
    streaming,
)
from lying import Liar

from conformance.verdict.report import Report

MODULES = (listing, reading, changing, streaming, strangers, protocol, fuzzing, sequences, races)
LIARS: list[Liar] = [liar for module in MODULES for liar in module.lie.all]
# Those that can be judged by one run, for none of them is in another's way.
COMPANIES = [
    [liar for liar in LIARS if liar.requirements[0].startswith(f"FUZZ-{phase}-")]
    for phase in ("EXAMPLES", "COVERAGE", "FUZZING", "STATEFUL")
]
COMPANIES += [[liar] for liar in LIARS if not any(liar in company for company in COMPANIES)]
SLOW = "EVENTS-11"
Judge = Callable[..., Report]


@dataclass(frozen=True, slots=True)
class BackgroundRun:
    """A run of the kit that goes on by itself, and the file that its report will be in."""

    process: subprocess.Popen[bytes]
    file: Path
