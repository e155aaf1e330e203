"""The most memory that the kit took in a process of its own.

The system counts what the process that started it had at that moment, which is that of all tests
before; so the process reads its own figure at its end."""

from __future__ import annotations

import sys
from pathlib import Path

_NOTED = """\
import atexit, pathlib, re, resource, runpy, sys
file = pathlib.Path(sys.argv.pop(1))
def note():
    own = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    file.write_text(str(max(int(own), children)))
atexit.register(note)
runpy.run_module("conformance", run_name="__main__", alter_sys=True)
"""


def noting_memory(file: Path) -> list[str]:
    """Return the command of the kit that writes to the file what it took."""
    return [sys.executable, "-c", _NOTED, str(file)]


def noted(file: Path) -> int:
    """Return the KiB that the process or one of its children took at the most."""
    return int(file.read_text())
