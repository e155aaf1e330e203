"""One run of the checks in a process of its own: `python -P -m conformance.mcp.child`.

The first line on stdin is a JSON object: the options of the run by key, and the file to write the
report to. Events are lines of JSON on stdout. At the end of stdin the run is interrupted.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from conformance.config.settings import read
from conformance.errors import KitError
from conformance.redaction import visible
from conformance.reporters.json import as_json
from conformance.results.events import CheckFinished, Event, RunStarted, WaitingForApi
from conformance.runner.run import run_checks

MAX_TEXT = 2_000


class EventLines:
    """A reporter that writes the events that an agent waits for."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def on(self, event: Event) -> None:
        """Write a line, if the event is one of them."""
        match event:
            case RunStarted():
                self.write({"checks": event.checks})
            case WaitingForApi():
                self.write({"waiting": f"waiting for the API: {event.why}"[:MAX_TEXT]})
            case CheckFinished():
                result = event.result
                self.write({"finished": f"{result.requirement} {result.verdict.value}"})

    def write(self, line: object) -> None:
        """Write one line."""
        self._out.write(visible(json.dumps(line)) + "\n")
        self._out.flush()


def main() -> None:
    """Run the checks that stdin asks for."""
    lines = EventLines(sys.stdout)
    # What else is printed is not an event.
    sys.stdout = sys.stderr
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_interrupt_at_end_of_input, daemon=True).start()
    try:
        settings = replace(
            read({**job["options"], "no_commands": True}),
            # Files that the configuration names are those of a complete run.
            reports={},
            failures=None,
            github=False,
            shard=None,
            blob=None,
        )
        report = run_checks(settings, [lines], files=False)
    except KitError as fault:
        parts = [[message[:MAX_TEXT], hint[:MAX_TEXT]] for message, hint in fault.parts[:5]]
        lines.write({"error": parts})
        return
    Path(job["report"]).write_text(as_json(report), encoding="utf-8")


def _interrupt_at_end_of_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
