"""The Flask backend in a process of its own, as its README starts it, and callers of it."""

import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

TOP = Path(__file__).parent.parent.parent
RUNS = "/api/v1/automation-runs"
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


class Caller:
    """Someone with a credential, and what they do with runs."""

    def __init__(self, url: str, **headers: str) -> None:
        self.http = httpx2.Client(base_url=url, headers=headers, timeout=PATIENCE)

    def new(self, automation: str) -> str:
        """The id of a run that was just triggered."""
        answer = self.http.post("/internal/trigger", json={"automation": automation})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """The run as it is now."""
        return dict(self.http.get(f"{RUNS}/{run_id}").raise_for_status().json())

    def steps(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Its steps as they are now, by key."""
        answer = self.http.get(f"{RUNS}/{run_id}/steps").raise_for_status().json()
        return {step["key"]: step for step in answer["steps"]}

    def cancel(self, run_id: str) -> httpx2.Response:
        """The answer to a cancel."""
        return self.http.post(f"{RUNS}/{run_id}/cancel")

    def retry(self, run_id: str, **body: Any) -> httpx2.Response:
        """The answer to a retry."""
        return self.http.post(f"{RUNS}/{run_id}/retry", json=body)

    def follow(self, run_id: str, after: int = 0) -> Iterator[httpx2.ServerSentEvent]:
        """The run's events behind number `after`, as they come, until the stream closes."""
        headers = {"Last-Event-ID": str(after)} if after else {}
        with self.http.sse(f"{RUNS}/{run_id}/events", headers=headers) as source:
            yield from source

    def until(self, run_id: str, event: str) -> None:
        """Listen to the run until an event of this kind."""
        events = self.follow(run_id)
        try:
            assert any(told.event == event for told in events), f"no {event} of {run_id}"
        finally:
            events.close()

    def finished(self, automation: str) -> str:
        """The id of a run that has finished."""
        run_id = self.new(automation)
        self.end(run_id)
        return run_id

    def end(self, run_id: str) -> dict[str, Any]:
        """The run once it has finished."""
        *_, last = self.follow(run_id)
        run = json.loads(last.data)["data"]["run"]
        assert run["completedAt"], f"the stream closed at {last.event}"
        return dict(run)
