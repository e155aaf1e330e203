"""A recording of the Flask backend, played by the mock: the same runs, and the same profile as far
as reading shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from backend_caller import RUNS, Caller
from flask_process import BackendProcess
from test_flask_behaviour import BEHAVIOUR, command

from mock_server.cli.scenario_directory import scenario_folder, start_files
from mock_server.engine import behaviour
from mock_server.settings import Settings
from mock_server.testing import serving

SHOWN = ("status", "orchestratorType", "triggerType", "triggerSourceType", "versionNumber")


def record(url: str, token: str, out: Path, *options: str) -> dict[str, str]:
    """Record with the command; the answers of the profile."""
    words = ["--base-url", url, "--token", token, "--out", str(out), *options]
    done = command("runs-conformance", "record", *words)
    assert done.returncode == 0, done.stderr
    answers: dict[str, str] = yaml.safe_load((out / "behaviour.yaml").read_text())["answers"]
    return answers


def shown(client: httpx2.Client, run: dict[str, Any]) -> list[Any]:
    """What is the same in a recording."""
    steps = client.get(f"{RUNS}/{run['id']}/steps").json()["steps"]
    return [
        [run[name] for name in SHOWN],
        [[step[name] for name in ("key", "name", "dependsOn", "status")] for step in steps],
    ]


@pytest.mark.extended
def test_the_mock_passes_for_the_backend(
    backend: BackendProcess, acme: Caller, tmp_path: Path
) -> None:
    """In runs, steps and profile; answers that only a change shows come from a profile."""
    runs = [acme.finished(each) for each in ("succeeds", "fails", "diamond")]
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(yaml.safe_dump(BEHAVIOUR))
    given = [word for run in runs for word in ("--run", run)]
    first = record(backend.url, "acme-key", tmp_path / "first", *given, "--behaviour", str(theirs))
    assert first == BEHAVIOUR["answers"] | first
    assert set(first) == set(BEHAVIOUR["answers"])
    folder = tmp_path / "first"
    start, starts = start_files(folder, "recorded")
    settings = Settings(
        start=start,
        more_starts=starts,
        scenarios=scenario_folder(folder),
        behaviour=behaviour.read(folder / "behaviour.yaml"),
    )
    with serving(settings) as url:
        headers = {"X-API-Key": "demo"}
        with httpx2.Client(base_url=url, headers=headers, verify=False) as client:
            played = [shown(client, run) for run in client.get(RUNS).json()["items"]]
        second = record(url, "demo", tmp_path / "second")
    recorded = [shown(acme.http, acme.run(run)) for run in runs]
    assert sorted(map(str, played)) == sorted(map(str, recorded))
    assert {number: first[number] for number in second} == second
    assert len(second) >= 8
