"""A recording gives back what it was made from: the same steps, dependencies, durations and
outcomes, played by the mock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import pytest
import yaml
from recorded import RUNS, playing_back, read, timelines, write

from conformance.recording.read_runs import Wanted
from conformance.recording.recording import Recording
from mock_server.settings import Settings
from mock_server.testing import MockWorld, serving

WORLD = "test-recorded"
SECRET = "Only we know Ada Lovelace and 4111 1111 1111 1111"
ORDER = "0b0a6c4e-9d57-4c2a-8d8e-1f2a3b4c5d6e"
Json = dict[str, Any]
STEPS: list[Json] = [
    {"key": "load", "takes": "1500ms", "result": {"note": SECRET, "rows": 7, "order": ORDER}},
    {"key": "check", "dependsOn": ["load"], "takes": "2s", "outcome": ["fails", "succeeds"],
     "error": {"code": "bad_total", "message": SECRET}, "result": {"order": ORDER}},
    {"key": "sum", "dependsOn": ["load"], "takes": "750ms"},
    {"key": "send", "name": "Send it", "dependsOn": ["check", "sum"], "takes": "1m"},
]  # fmt: skip
FLAKY: Json = {
    "summary": "Mine",
    "automation": {"name": "Invoices", "version": 4},
    "trigger": {"type": "schedule", "source": "schedule"},
    "waits": "3s",
    "steps": STEPS,
}


@pytest.fixture(scope="module")
def source() -> Iterator[MockWorld]:
    """A world with a run of each kind, which stands still."""
    settings = Settings(start="empty", scale=0)
    with serving(settings) as url, MockWorld(url, WORLD, start="empty", scale=0) as world:
        retried, approved, rejected = (
            world.create(each) for each in (FLAKY, "approval", "approval")
        )
        world.create("failure-in-the-middle")
        world.create("truncated-result")
        world.create("empty")
        cancelled = world.create("hang")
        world.advance(5)
        world.control(f"runs/{approved}/decision", approved=True, step="approve")
        world.advance(1)
        world.control(f"runs/{rejected}/decision", approved=False, step="approve")
        change(world, cancelled, "cancel")
        world.advance(40)
        change(world, retried, "retry")
        world.advance(200)
        change(world, retried, "retry", mode="from_step", stepKey="check")
        world.advance(200)
        change(world, retried, "retry", mode="full")
        world.advance(2)
        world.create("hang")
        world.create("long-queue")
        world.advance(100)
        yield world


def change(world: MockWorld, run_id: str, what: str, **body: str) -> None:
    """Cancel or retry a run, as a client does."""
    world.client.post(f"{RUNS}/{run_id}/{what}", json=body or None).raise_for_status()


@pytest.fixture(scope="module")
def recording(source: MockWorld) -> Recording:
    """All runs of the source."""
    return read(source.base_url, WORLD)


@pytest.fixture(scope="module")
def folder(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording on the disk."""
    return write(recording, tmp_path_factory.mktemp("record") / "recorded")


def test_the_mock_gives_back_the_same_timelines(source: MockWorld, folder: Path) -> None:
    """Every event of every run, at the same time after its creation: also of attempts before a
    retry, with decisions, and cut off by a cancel."""
    with playing_back(folder) as url:
        assert timelines(url, "demo") == timelines(source.base_url, WORLD)


def test_steps_and_dependencies_are_the_same(source: MockWorld, folder: Path) -> None:
    """With names, statuses and the status of each run."""
    with playing_back(folder) as url:
        assert shown(url, "demo") == shown(source.base_url, WORLD)


def shown(url: str, key: str) -> list[Any]:
    """What a client sees of each run that is not an id, a time or a value."""
    fields = ("key", "name", "dependsOn", "status", "durationSeconds", "resultTruncated")
    with httpx2.Client(base_url=url, headers={"X-API-Key": key}, verify=False) as client:
        found = []
        for run in client.get(RUNS).json()["items"]:
            steps = client.get(f"{RUNS}/{run['id']}/steps").json()["steps"]
            found.append((
                [run[name] for name in ("status", "durationSeconds", "versionNumber",
                                        "triggerType", "triggerSourceType", "orchestratorType")],
                [[step[name] for name in fields] for step in steps],
            ))  # fmt: skip
        return found


def test_no_value_of_the_service_is_in_the_files(folder: Path, source: MockWorld) -> None:
    """Ids of runs, texts of results and messages of errors are replaced; numbers and codes stay."""
    text = "".join(file.read_text() for file in folder.rglob("*.yaml"))
    runs = source.client.get(RUNS).json()["items"]
    for value in (SECRET, "Ada", ORDER, WORLD, *(run["id"] for run in runs)):
        assert value not in text
    assert "bad_total" in text
    assert "rows: 7" in text


def test_an_id_is_mapped_to_the_same_one_everywhere(folder: Path) -> None:
    """In the results of two steps."""
    scenarios = [yaml.safe_load(file.read_text()) for file in folder.glob("scenarios/*")]
    (steps,) = [each["steps"] for each in scenarios if len(each["steps"]) == len(STEPS)
                and each["steps"][0]["key"] == "load"]  # fmt: skip
    results = {step["key"]: step.get("result") for step in steps}
    assert results["load"]["order"] == results["check"]["order"]
    assert results["load"]["order"] != ORDER


def test_what_a_pattern_allows_is_kept(source: MockWorld) -> None:
    """In every step, or in one."""
    kept = "".join(read(source.base_url, WORLD, Wanted(), "load.result.note").write("", "").files
                   .values())  # fmt: skip
    assert kept.count(SECRET) == 1
    kept = "".join(read(source.base_url, WORLD, Wanted(), "*").write("", "").files.values())
    assert kept.count(SECRET) == 2


def test_the_files_fit_the_schemas_that_they_name(folder: Path) -> None:
    """Each names one that is in the folder."""
    files = [file for file in folder.rglob("*.yaml") if file.name != "behaviour.yaml"]
    assert len(files) >= 8
    for file in files:
        first = file.read_text().splitlines()[0]
        schema = file.parent / first.partition("$schema=")[2]
        validator = jsonschema_rs.Draft202012Validator(json.loads(schema.read_text()))
        validator.validate(yaml.safe_load(file.read_text()))


def test_runs_of_one_shape_are_one_scenario_with_ranges(tmp_path: Path) -> None:
    """Also those that are not finished, and those of another version are another scenario."""
    with serving(Settings(start="empty", scale=0)) as url, MockWorld(url, "test-many") as world:
        for load, check in (("2s", "1s"), ("500ms", "4s"), ("3s", "2500ms")):
            world.create(FLAKY, load={"takes": load}, check={"takes": check, "outcome": "succeeds"})
        world.create(FLAKY | {"automation": {"name": "Invoices", "version": 5}})
        world.advance(3600)
        world.create(FLAKY, load={"takes": "1m"}, check={"outcome": "succeeds"})
        world.advance(4)
        files = read(url, "test-many").write("", "").files
        scenarios = [yaml.safe_load(t) for n, t in files.items() if n.startswith("scenarios/")]
        by_version = {each["automation"]["version"]: each for each in scenarios}
        assert sorted(by_version) == [4, 5]
        assert len(scenarios) == 2
        takes = {step["key"]: step["takes"] for step in by_version[4]["steps"]}
        assert takes == {"load": "500ms..3s", "check": "1s..4s", "sum": "750ms", "send": "1m"}
        assert by_version[4]["summary"] == "Recorded from 4 runs (3 completed, 1 running)"


@pytest.mark.parametrize(
    ("wanted", "statuses"),
    [
        (Wanted(limit=2), ["pending", "running"]),
        (Wanted(statuses=("failed",)), ["failed", "failed"]),
        (Wanted(statuses=("failed", "cancelled")), ["cancelled", "failed", "failed"]),
        (Wanted(limit=1, statuses=("failed",)), ["failed"]),
    ],
)
def test_only_the_runs_that_are_wanted_are_read(
    source: MockWorld, wanted: Wanted, statuses: list[str]
) -> None:
    """By number and status."""
    found = read(source.base_url, WORLD, wanted)
    assert sorted(each.status for each in found.courses) == statuses


def test_an_open_run_can_be_followed_to_its_end() -> None:
    """Its stream is read until then."""
    with serving(Settings(start="empty", scale=50)) as url, MockWorld(url, "test-live") as world:
        run = world.create("diamond")
        found = read(url, "test-live", Wanted(ids=(run,), follow=True))
        (course,) = found.courses
        assert course.status == "completed"
        assert [len(step.attempts) for step in course.steps] == [1, 1, 1, 1]
