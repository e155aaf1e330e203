"""Recordings of mocks, and what a mock shows of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from conformance.client.api import Api
from conformance.client.connection import Connection
from conformance.client.credentials import AuthScheme, Credential
from conformance.client.recorder import Traffic
from conformance.client.run_events import run_events
from conformance.client.sse import Parser
from conformance.client.transport import Target
from conformance.recording.anonymize import Shapes
from conformance.recording.folder import RecordingFolder
from conformance.recording.read_runs import RunSource, Wanted
from conformance.recording.recording import Recording
from conformance.recording.run_course import instant
from conformance.redaction import Redactor
from mock_server.cli.scenario_directory import scenario_folder, start_files
from mock_server.settings import Settings
from mock_server.testing import serving

RUNS = "/api/v1/automation-runs"
PROFILE = "summary: None\nanswers: {}\n"
Json = dict[str, Any]


def read(url: str, key: str, wanted: Wanted | None = None, *keep: str) -> Recording:
    """Read the runs of the credential's tenant."""
    recording = Recording(Shapes(Redactor.of([key]), keep))
    target = Target(url, Traffic(Redactor.of([key])), timeout=30, connection=Connection())
    with closing(target):
        api = Api(target, Credential(AuthScheme.API_KEY, key, "--api-key"))
        for seen in RunSource(api, wanted or Wanted(), 60).read():
            recording.add(seen)
    return recording


def write(recording: Recording, folder: Path) -> Path:
    """Write the recording into the folder."""
    RecordingFolder(folder).write(recording.write("a test", PROFILE).files)
    return folder


@contextmanager
def playing_back(folder: Path) -> Iterator[str]:
    """Serve a mock that opens with the recording, and stands still; yield its address."""
    start, starts = start_files(folder, "recorded")
    settings = Settings(scale=0, start=start, more_starts=starts, scenarios=scenario_folder(folder))
    with serving(settings) as url:
        yield url


def timelines(url: str, key: str) -> list[list[tuple[str, str, int]]]:
    """Return the events of each run, the oldest run first: their types, steps, and milliseconds
    since the run was created."""
    with httpx2.Client(base_url=url, headers={"X-API-Key": key}, verify=False) as client:
        runs = client.get(RUNS, params={"limit": 100}).json()["items"]
        return [_timeline(client, run) for run in reversed(runs)]


def _timeline(client: httpx2.Client, run: Json) -> list[tuple[str, str, int]]:
    parser = Parser()
    with client.stream("GET", f"{RUNS}/{run['id']}/events") as stream:
        for chunk in stream.iter_raw():
            parser.feed(chunk, 0)
            events = run_events(parser.events)
            if events and instant(events[-1].run or {}, "updatedAt") == instant(run, "updatedAt"):
                break
    created = instant(run, "createdAt") or 0
    return [
        (event.kind, event.step_key or "", (instant(event.run or {}, "updatedAt") or 0) - created)
        for event in run_events(parser.events)
        if event.kind not in ("run.cancel_requested",)
    ]
