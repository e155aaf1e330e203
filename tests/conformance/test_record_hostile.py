"""Whatever a service sends, a recording is a set of files that the mock takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from recorded import PROFILE

from conformance.client.response import Response
from conformance.client.run_events import RunEvent
from conformance.errors import CheckFailed
from conformance.recording import recording as recording_module
from conformance.recording.anonymize import Shapes
from conformance.recording.folder import RecordingFolder
from conformance.recording.observed_run import ObservedRun, has_ended
from conformance.recording.read_runs import RunSource, Wanted
from conformance.recording.recording import Recording
from conformance.recording.run_course import Course
from conformance.redaction import Redactor
from mock_server.engine.scenario import Scenario, read_all
from mock_server.worlds import seed_data

Json = dict[str, Any]
RUN: Json = {
    "id": "71c2941b-2662-5e0c-8874-3ca5ef3c6b7e",
    "automationId": "a",
    "createdAt": "2026-01-01T00:00:00Z",
    "startedAt": "2026-01-01T00:00:01Z",
    "completedAt": "2026-01-01T00:00:09Z",
    "updatedAt": "2026-01-01T00:00:09Z",
    "status": "completed",
}
STEP: Json = {
    "key": "one",
    "name": "One",
    "dependsOn": [],
    "status": "completed",
    "startedAt": "2026-01-01T00:00:01Z",
    "completedAt": "2026-01-01T00:00:02Z",
    "result": {"a": 1},
}


def nested(depth: int) -> Json:
    """An object in an object and so on."""
    value: Json = {}
    for _ in range(depth):
        value = {"in": [value]}
    return value


def step(**changes: Any) -> list[Json]:
    """One step with these changes, and one that depends on it."""
    return [STEP | changes, STEP | {"key": "two", "dependsOn": ["one"]}]


def recorded(folder: Path, *runs: ObservedRun) -> dict[str, Scenario]:
    """Write the runs, and read the files as the mock does; return the recorded scenarios."""
    recording = Recording(Shapes(Redactor()))
    for run in runs:
        recording.add(run)
    RecordingFolder(folder).write(recording.write("a test", PROFILE).files)
    found = read_all(folder / "scenarios")
    seed_data.read(folder / "worlds" / "recorded.yaml", found)
    return found


def observed(run: Json, steps: Any, events: list[RunEvent] | None = None) -> ObservedRun:
    """A run that was seen like that."""
    seen = ObservedRun(str(run["id"]))
    seen.see_run(run)
    seen.see_steps(steps)
    seen.see_events(events or [])
    return seen


@pytest.mark.parametrize(
    "steps",
    [
        None, {}, [], [None], [{}], [{"key": ""}], [{"key": 5}],
        [STEP, STEP],
        [STEP | {"key": key} for key in ("ghp_abcdefghijk1", "ghp_abcdefghijk2", "x" * 201,
                                         "x" * 202, "step-2", "{{name}}", "\ud800", "on")],
        step(dependsOn=["two"]), step(dependsOn=["one", "nothing", "one"]), step(dependsOn=None),
        step(dependsOn="two"), step(dependsOn=[1]), step(dependsOn=[["a"]]),
        step(name=None), step(name="{{name}} {{x"), step(name="x" * 5_000),
        step(name="\x00\x1b[31m\u2028\ud800"),
        step(startedAt="yesterday"), step(completedAt=None), step(startedAt=None),
        step(completedAt="2025-01-01T00:00:00Z"), step(completedAt="9999-12-31T23:59:59Z"),
        step(startedAt="0001-01-01T00:00:00+23:00"),
        step(status="odd"), step(status=None), step(status="failed", error="text"),
        step(status="failed", error={"code": 5, "message": ["x"]}),
        step(status="failed", error={"code": "{{name}}", "message": "{{name}}" * 5_000}),
        step(result="text"), step(result=[1, [2]]), step(result=5), step(result=nested(200)),
        step(result={"b": float("inf"), "c": -(10**400), "id": 10**50, "d": True, "e": None}),
        step(result={"a": 10**40, "{{name}}": "{{nothing}}", "": "", "x" * 500: "\ud800\x00"}),
        step(result={str(n): "long text " * 50 for n in range(5_000)}),
        step(result={"rows": ["word"] * 50_000}),
        step(result={"a": True, "b": None, "yes": "no", "1": "0x1F", "2026-01-01": "null"}),
        step(resultTruncated="yes", decisionId=5, durationSeconds="long"),
        step(decisionId="d", completedAt=None, durationSeconds=1.5),
        *(step(completedAt=None, durationSeconds=seconds)
          for seconds in (float("inf"), float("nan"), -5, True, 10**400, 1e300)),
        step(status=["x"], decisionId={}), step(status={"a": 1}),
    ],
)  # fmt: skip
def test_steps_of_any_form(tmp_path: Path, steps: Any) -> None:
    """Odd values are left out; the rest is recorded."""
    (found,) = recorded(tmp_path / "out", observed(RUN, steps)).values()
    assert found.automation.name == "Automation 1"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "5"}, {"id": "not a uuid \x00 {{name}}"}, {"status": "odd"}, {"status": None},
        {"versionNumber": -1}, {"versionNumber": "2"}, {"versionNumber": 2**80},
        {"versionNumber": True},
        {"triggerType": "alien", "triggerSourceType": None, "orchestratorType": 5},
        {"concurrencyKey": "{{name}}"}, {"concurrencyKey": 5},
        {"status": ["x"]}, {"status": {"a": 1}}, {"status": "ada@real.test " * 50_000},
        {"createdAt": None}, {"startedAt": "2020-01-01T00:00:00Z"}, {"startedAt": None},
        {"updatedAt": "9999-12-31T23:59:59.999Z", "completedAt": "9999-12-31T23:59:59Z"},
        {"createdAt": "1960-01-01T00:00:00Z"}, {"status": "pending", "startedAt": None},
        {"status": "cancelled"}, {"automationId": None}, {"automationId": ["x"]},
    ],
)  # fmt: skip
def test_runs_of_any_form(tmp_path: Path, changes: Json) -> None:
    """Next to one that is as it should be."""
    runs = [observed(RUN | changes, step()), observed(RUN | {"id": RUN["id"][::-1]}, step())]
    assert recorded(tmp_path / "out", *runs)


def test_values_have_the_shape_of_what_they_replace(tmp_path: Path) -> None:
    """Formats and lengths, and ids that are the same everywhere."""
    result = {
        "id": 4711, "orderId": "ord_77", "orders": [{"order_id": "ord_77"}, {"order_id": "ord_78"}],
        "paid": 12, "mail": "ada@real.test", "at": "2025-05-05T05:05:05Z", "day": "2025-05-05",
        "url": "https://real.test/x", "ip": "10.1.2.3", "sha": "a" * 40, "n": "123456",
        "word": "Ada", "names": "Ada Lovelace", "text": "Some words that are long. " * 3,
        "page": "Words. " * 200, "empty": "", "ada@real.test": 1, "2025-05-05": 2, "123456789": 3,
        "token": "abc", "header": "Bearer abcdef", "paidIds": [4711, 4712],
    }  # fmt: skip
    shapes = Shapes(Redactor(), ["result.token", "result.header", "result.word"])
    assert shapes.result(result, "one") == {
        "id": 1, "orderId": "id-1", "orders": [{"order_id": "id-1"}, {"order_id": "id-2"}],
        "paid": 12, "mail": "{{safe_email}}", "at": "2026-01-01T00:00:00Z", "day": "2026-01-01",
        "url": "{{url}}", "ip": "{{ipv4}}", "sha": "{{sha1}}", "n": "123456",
        "word": "Ada", "names": "{{word}} {{word}}", "text": "{{sentence}}",
        "page": " ".join(["{{paragraph}}"] * 4), "empty": "", "field-17": 1, "field-18": 2,
        "field-19": 3, "token": "{{word}}", "header": "{{word}} {{word}}", "paidIds": [1, 2],
    }  # fmt: skip
    recorded(tmp_path / "out", observed(RUN, step(result=result)))


def test_events_that_cannot_happen(tmp_path: Path) -> None:
    """In any order, twice, and of steps that are not there."""
    kinds = [
        "created",
        "completed",
        "retried",
        "started",
        "cancelled",
        "failed",
        "cancel_requested",
    ]
    steps = [
        "started",
        "completed",
        "failed",
        "approved",
        "awaiting_approval",
        "reset",
        "cancelled",
    ]
    events = [RunEvent("run.created", RUN, None)]
    for kind in (*kinds, *reversed(kinds)):
        events.append(RunEvent(f"run.{kind}", RUN, None))
        events += [RunEvent(f"step.{each}", RUN, STEP | {"key": kind}) for each in steps]
        events += [RunEvent(f"step.{each}", None, {"key": "x"}) for each in reversed(steps)]
    events.append(RunEvent("run.completed", RUN, None))
    assert recorded(tmp_path / "out", observed(RUN, step(), events))


def test_a_run_without_a_creation_time_is_left_out() -> None:
    """And counted."""
    recording = Recording(Shapes(Redactor()))
    recording.add(observed({"id": "x", "status": "completed"}, []))
    assert (len(recording), recording.skipped) == (0, 1)


def test_a_run_that_cannot_be_traced_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And counted; the others are written."""
    traced = recording_module.trace

    def odd(seen: ObservedRun, shapes: Shapes) -> Course | None:
        if seen.id == "odd":
            raise OverflowError
        return traced(seen, shapes)

    monkeypatch.setattr(recording_module, "trace", odd)
    recording = Recording(Shapes(Redactor()))
    recording.add(observed(RUN | {"id": "odd"}, []))
    recording.add(observed(RUN, step()))
    assert len(recording) == 1
    assert "1 runs have values of another type" in recording.notes[0]


class Service:
    """An API whose list has these runs; of those that end, steps and events cannot be read."""

    def __init__(self, *runs: Json) -> None:
        self.runs = runs

    def list_runs(self, **_: Any) -> Response:
        """All runs."""
        body = {"items": self.runs, "total": len(self.runs)}
        return Response("GET", "http://x", 200, {}, json.dumps(body).encode(), 0.1, 1)

    def steps(self, run_id: str) -> Json:
        """None can be read."""
        raise CheckFailed(run_id)

    run = events = steps


def test_a_run_with_an_odd_id_or_status_does_not_end_the_reading() -> None:
    """One whose id is too long for a path is left out with a note."""
    service: Any = Service(RUN | {"id": "x" * 70_000}, RUN | {"status": ["x"]}, RUN | {"id": "y"})
    for follow in (False, True):
        source = RunSource(service, Wanted(follow=follow), 1)
        assert {seen.id for seen in source.read()} == {RUN["id"], "y"}
        assert "xxx... is left out: its id has 70000 characters" in source.notes[0]


def test_odd_values_that_pass_are_recorded() -> None:
    """A status that is not a text does not end what reads the stream of the run."""
    run = observed(RUN | {"status": ["x"]}, [])
    assert not run.finished
    assert not has_ended(run.run)


def test_large_graphs(tmp_path: Path) -> None:
    """More steps and dependencies than a scenario may have, and results that are too large."""
    steps = [
        STEP | {"key": f"s{n}", "dependsOn": [f"s{m}" for m in range(n)],
                "result": {f"f{k}": "a word" for k in range(90)}}
        for n in range(330)
    ]  # fmt: skip
    (found,) = recorded(tmp_path / "many", observed(RUN, steps)).values()
    assert found.size.edges == 0
    few = [each | {"dependsOn": each["dependsOn"][-2:]} for each in steps]
    (found,) = recorded(tmp_path / "few", observed(RUN, few)).values()
    assert found.size.edges > 600
    assert any(script.result is None for script in found.scripts)
    most = [STEP | {"key": f"s{n}"} for n in range(2_001)]
    (found,) = recorded(tmp_path / "steps", observed(RUN, most)).values()
    assert found.size.steps == 2_000
