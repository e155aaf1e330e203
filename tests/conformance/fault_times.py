"""Measure how long a gate takes on a backend with one fault, compared with the honest one:
`python tests/conformance/fault_times.py`. One broken thing should cost less than the double."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import costly
import stuck
from backend_process import CONFIG, KEYS, TOP, serving_backend
from mutating_proxy import Proxy, serving

FAULTS = [*stuck.mutant.all, *costly.fault.all]


def gate(address: str, home: Path, words: list[str]) -> tuple[float, dict[str, object]]:
    """Return the seconds of one gate, and its report."""
    file = home / "report.json"
    command = [sys.executable, "-m", "conformance", "run", "--quiet", "--config", str(CONFIG)]
    command += ["--base-url", address, "--json", str(file), *words]
    start = time.monotonic()
    variables = os.environ | KEYS | {"PYTHONPATH": str(TOP)}
    done = subprocess.run(command, cwd=home, env=variables, stdout=subprocess.PIPE, check=False)
    if not file.exists():
        sys.exit(f"The kit exited with {done.returncode} and without a report: check the options.")
    return time.monotonic() - start, json.loads(file.read_text(encoding="utf-8"))


def main() -> None:
    """Print a line for each fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="*", help="only faults that match")
    parser.add_argument("words", nargs="*", help="options of the kit, after --")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if fnmatchcase(fault.name, options.only)]
    with (
        tempfile.TemporaryDirectory() as home,
        serving_backend() as backend,
        serving(Proxy(backend, chosen)) as address,
    ):
        honest = 0.0
        for name in ("honest", *(fault.name for fault in chosen)):
            seconds, report = gate(f"{address}/{name}", Path(home), options.words)
            honest = honest or seconds
            verdicts = Counter(entry["verdict"] for entry in report["requirements"])
            failed = [
                entry["id"]
                for entry in report["requirements"]
                if entry["verdict"] in ("violation", "deviation") and not entry["causedBy"]
            ]
            print(f"{name:26} {seconds:6.1f} s  {seconds / honest:4.1f}  {dict(verdicts)}")
            print(f"{'':26} {', '.join(failed[:16])}", flush=True)


if __name__ == "__main__":
    main()
