"""Programs in processes of their own, as their users start them: the mock above all."""

import os
import re
import signal
import subprocess
import sysconfig
import tempfile
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

RUNS_MOCK = f"{sysconfig.get_path('scripts')}/runs-mock"
PATIENCE = 60
"""Seconds after which what should have happened is given up. A failure bound: no test waits for it
to pass."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment, without what would change how the mock starts."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("RUNS_MOCK_")}
    return plain | dict(extra or {})


class Server:
    """A program that serves for as long as the block lasts; ``url`` is where, ``greeting`` what it
    printed until ``ready``, a regular expression, matched a line."""

    def __init__(self, command: list[object], ready: str, **variables: str) -> None:
        self._ready = re.compile(ready)
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - see _end
        self._process = subprocess.Popen(
            list(map(str, command)),
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Self:
        self.greeting = self._read_greeting()
        found = re.search(r"http://(127\.0\.0\.1|localhost):\d+", self.greeting)
        if found is None:
            said = self.errors()
            self._end()
            raise AssertionError(f"no address in {self.greeting!r}; {said}")
        self.url = found[0]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """The exit code, once the process has ended."""
        return self._process.wait(PATIENCE)

    def rest(self) -> str:
        """What it has printed after the greeting, once the process has ended."""
        return self._process.stdout.read()

    def errors(self) -> str:
        """What it has written to stderr."""
        self._errors.seek(0)
        return self._errors.read()

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)
        self._process.stdout.close()
        self._errors.close()

    def _read_greeting(self) -> str:
        # Reading a line has no deadline of its own; the end of the process ends it.
        giving_up = threading.Timer(PATIENCE, self._process.kill)
        giving_up.start()
        try:
            lines = []
            for line in self._process.stdout:
                lines.append(line)
                if self._ready.search(line):
                    break
            return "".join(lines)
        finally:
            giving_up.cancel()


class MockServer(Server):
    """``runs-mock serve`` on a free port."""

    def __init__(self, *options: str, **variables: str) -> None:
        super().__init__([RUNS_MOCK, "serve", "--port", "0", *options], "^Ctrl-C", **variables)
