"""The command that starts the client under test, and its process during one sitting.

The command is split into words as a shell does it, and each ``{placeholder}`` in a word is
replaced; no shell is started. The same values are in the environment.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from mock_server.engine.run_state import Json
from mock_server.errors import UsageError, unknown_name
from mock_server.exam.catalogue import Task
from mock_server.exam.report_line import MAX_LINE, read_line

PLACEHOLDERS: Mapping[str, str] = {
    "task": "task",
    "base_url": "baseUrl",
    "token": "token",
    "run_id": "runId",
    "credential_url": "credentialUrl",
    "reports_url": "reportsUrl",
    "item": "item",
}
"""Each placeholder, and its property of a sitting in the control API."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
_TAIL = 20
_KILL_AFTER = 3.0


class ClientCommand:
    """A command with placeholders. Raise UsageError for one that cannot be run."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._words = shlex.split(text)
        except ValueError as error:
            raise UsageError(f"--client: expected a command, got {text!r}: {error}") from None
        if not self._words:
            raise UsageError("--client: expected a command, got an empty one")
        self.placeholders = set(_PLACEHOLDER.findall(text))
        for name in self.placeholders - PLACEHOLDERS.keys():
            raise UsageError(f"--client: {unknown_name('placeholder', name, PLACEHOLDERS)}")
        program = self._words[0]
        if shutil.which(program) is None:
            raise UsageError(
                f"--client: expected a program, got {program!r}, which is not on the path or not "
                "executable"
            )

    def tasks(self) -> list[Task]:
        """Return the tasks that the client does as far as the command says: all with ``{task}``,
        otherwise only to follow a run."""
        return list(Task) if "task" in self.placeholders else [Task.FOLLOW]

    def start(self, sitting: Json, report: Callable[[Json], None]) -> "ClientProcess":
        """Start the client for a sitting; call ``report`` with each of its reports.

        Raise UsageError.
        """
        values = {name: str(sitting[key] or "") for name, key in PLACEHOLDERS.items()}
        words = [_PLACEHOLDER.sub(lambda match: values[match[1]], word) for word in self._words]
        environment = {f"RUNS_EXAM_{name.upper()}": value for name, value in values.items()}
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own command
                words,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(f"--client: {words[0]!r} cannot be started: {error}") from None
        return ClientProcess(process, report)


class ClientProcess:
    """A running client. ``problems`` are lines that look like reports and are not."""

    def __init__(self, process: subprocess.Popen[bytes], report: Callable[[Json], None]) -> None:
        self._process = process
        self._report = report
        self._output: deque[str] = deque(maxlen=_TAIL)
        self.problems: deque[str] = deque(maxlen=_TAIL)
        self._threads = [
            threading.Thread(target=read, daemon=True) for read in (self._read, self._collect)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def ended(self) -> bool:
        """Whether the client has ended by itself."""
        return self._process.poll() is not None

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while the client runs."""
        return self._process.poll()

    @property
    def output(self) -> str:
        """The last lines that are not reports."""
        return "\n".join(self._output)

    @property
    def output_ended(self) -> bool:
        """Whether no process can write to its output any more."""
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """End the client and what it has started, and read the rest of its output."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_KILL_AFTER)
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process.wait()
        for thread in self._threads:
            # A process that left the group may hold the pipe open.
            thread.join(_KILL_AFTER)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, number)
            else:
                self._process.terminate()

    def _read(self) -> None:
        for line in _lines(self._process.stdout):
            try:
                report = read_line(line)
            except ValueError as error:
                self.problems.append(f"{_text(line)[:200]}: {error}")
                continue
            if report is None:
                self._output.append(_text(line))
            else:
                self._report(report)

    def _collect(self) -> None:
        for line in _lines(self._process.stderr):
            self._output.append(_text(line))


def _lines(stream: IO[bytes] | None) -> Iterator[bytes]:
    """Yield the lines of a stream, in parts where they are too long for a report; close it."""
    if stream is not None:
        with stream:
            while line := stream.readline(MAX_LINE + 1):
                yield line


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip()[:1_000]
