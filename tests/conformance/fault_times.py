"""Measure how long a gate takes on a backend with one fault, compared with the honest one:
`python tests/conformance/fault_times.py`. One broken thing should cost less than the double."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import costly
import stuck
from backend_process import CONFIG, serving_backend
from gates import gate, prepare
from mutating_proxy import Proxy, serving

FAULTS = [*stuck.mutant.all, *costly.fault.all]


def main() -> None:
    """Print a line for each fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=["*"], help="only faults that match one")
    parser.add_argument("words", nargs="*", help="options of the kit, after --")
    options = parser.parse_args()
    chosen = [f for f in FAULTS if any(fnmatchcase(f.name, only) for only in options.only)]
    prepare()
    with (
        tempfile.TemporaryDirectory() as home,
        serving_backend() as backend,
        serving(Proxy(backend, chosen)) as address,
    ):
        honest = 0.0
        for name in ("honest", *(fault.name for fault in chosen)):
            words = ["--config", str(CONFIG), *options.words]
            found = gate(f"{address}/{name}", Path(home), words)
            honest = honest or found.seconds
            verdicts = Counter(entry["verdict"] for entry in found.report["requirements"])
            failed = [
                entry["id"]
                for entry in found.report["requirements"]
                if entry["verdict"] in ("violation", "deviation") and not entry["causedBy"]
            ]
            print(
                f"{name:26} {found.seconds:6.1f} s  {found.seconds / honest:4.1f}  {dict(verdicts)}"
            )
            print(f"{'':26} {', '.join(failed[:16])}", flush=True)


if __name__ == "__main__":
    main()
