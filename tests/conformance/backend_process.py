"""The Flask backend in a process of its own, good or with a fault."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).parents[2]
CONFIG = TOP / "examples" / "flask_backend" / "conformance.toml"
KEYS = {"BACKEND_KEY": "acme-key", "BACKEND_OTHER_KEY": "globex-key"}
_HERE = Path(__file__).parent


@contextmanager
def serving_backend(mutant: str = "", speed: int = 20) -> Iterator[str]:
    """Serve it so many times as fast as life for as long as the block lasts; gives its address."""
    program = ["mutants.backend", mutant] if mutant else ["examples.flask_backend"]
    command = [sys.executable, "-m", *program, "--port", "0", "--speed", str(speed)]
    path = os.pathsep.join(filter(None, [str(TOP), str(_HERE), os.environ.get("PYTHONPATH")]))
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        # It reports of every broken request, and many are sent.
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()
