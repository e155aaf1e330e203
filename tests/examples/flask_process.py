"""The Flask backend in a process of its own, as its README starts it."""

import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

TOP = Path(__file__).parent.parent.parent
PATIENCE = 20
"""Seconds after which something that should have happened is given up; no test waits for it."""


class BackendProcess:
    """A backend that serves as long as the block lasts; `url` is where."""

    def __init__(self, *options: str) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - see __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "examples.flask_backend", "--port", "0", *options],
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Self:
        giving_up = threading.Timer(PATIENCE, self._process.kill)
        giving_up.start()
        line = self._process.stdout.readline()
        giving_up.cancel()
        assert line.startswith("Serving on http://127.0.0.1:"), f"{line!r}; {self.errors()}"
        self.url = line.split()[-1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)
        self._process.stdout.close()
        self._errors.close()

    def interrupt(self) -> int:
        """Press Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(PATIENCE)

    def errors(self) -> str:
        """What it has written to stderr."""
        self._errors.seek(0)
        return self._errors.read()
