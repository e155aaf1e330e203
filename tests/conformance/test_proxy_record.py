"""`runs-conformance proxy --record`: the runs that pass become files that the mock plays."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml
from command_line import call_kit
from recorded import RUNS, playing_back, timelines
from relaying import proxy_process

from conformance.client.run_events import RunEvent
from conformance.recording.passing_answers import PassingAnswers
from conformance.recording.passing_runs import PassingRuns
from conformance.traffic.exchange import ObservedExchange, ObservedRequest, ObservedResponse
from mock_server.engine.behaviour import BehaviourFile
from mock_server.testing import MockWorld

KEY = "test-proxy-record-with-a-long-secret"
RUN = "71c2941b-2662-5e0c-8874-3ca5ef3c6b7e"


@pytest.fixture(scope="module")
def passed(mock: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MockWorld, Path]]:
    """A world whose runs passed the proxy, and what the proxy has recorded."""
    folder = tmp_path_factory.mktemp("proxy") / "recorded"
    with (
        MockWorld(mock, KEY, start="empty", scale=0) as world,
        proxy_process("--target", mock, "--record", str(folder)) as (port, process),
        httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": KEY}, trust_env=False
        ) as client,
    ):
        failing, cancelled = world.create("flaky"), world.create("hang")
        assert client.get(f"{RUNS}/{cancelled}").json()["status"] == "pending"
        world.advance(60)
        assert client.get(f"{RUNS}/{cancelled}").json()["status"] == "running"
        for run in (failing, cancelled):
            client.get(f"{RUNS}/{run}/steps").raise_for_status()
        client.post(f"{RUNS}/{cancelled}/cancel").raise_for_status()
        assert client.post(f"{RUNS}/{cancelled}/cancel").status_code == 409
        client.get(f"{RUNS}/{failing}").raise_for_status()
        client.get(f"{RUNS}/{failing}/steps").raise_for_status()
        client.post(f"{RUNS}/{failing}/retry").raise_for_status()
        world.advance(60)
        for run in (failing, cancelled):
            client.get(f"{RUNS}/{run}/steps").raise_for_status()
        client.get(RUNS, params={"limit": 0}).raise_for_status()
        client.get(RUNS).raise_for_status()
        anonymous = httpx2.get(f"http://127.0.0.1:{port}{RUNS}", trust_env=False)
        assert anonymous.status_code == 401
        process.send_signal(signal.SIGTERM)
        output = process.stdout.read() if process.stdout else ""
        assert "Recorded 2 runs as 2 scenarios" in output
        yield world, folder


def test_attempts_are_put_together_from_states(passed: tuple[MockWorld, Path]) -> None:
    """No stream passed: what was read before and after the retry shows both attempts. Durations
    of a step are a range over its attempts."""
    world, folder = passed
    with playing_back(folder) as url:
        played, recorded = timelines(url, "demo"), timelines(world.base_url, KEY)
    assert [[event[:2] for event in run] for run in played] == [
        [event[:2] for event in run] for run in recorded
    ]
    assert played[1] == recorded[1]


def test_the_behaviour_is_what_passed(passed: tuple[MockWorld, Path]) -> None:
    """Of the questions that the traffic touched; no credential is in a file."""
    text = (passed[1] / "behaviour.yaml").read_text()
    profile = BehaviourFile.model_validate(yaml.safe_load(text))
    assert {k: v for k, v in yaml.safe_load(text)["answers"].items() if k != "Q11"} == {
        "Q01": "same_run",
        "Q02": "conflict",
        "Q06": "empty",
        "Q08": "unauthorized",
        "Q10": "at_once",
        "Q18": "skipped",
        "Q19": "null",
        "Q20": "detail",
        "Q21": "null",
        "Q22": "ok",
    }
    assert profile.summary.startswith("Observed at ")
    assert not any(KEY in f.read_text() for f in passed[1].rglob("*") if f.is_file())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--keep", "result.x"], "--keep: expected --record DIR"),
        (["--force"], "--force: expected --record DIR"),
        (["--record", "."], "--record: expected a directory that is new or empty"),
        (["--record", "full/new", "--keep", "x"], "--keep: expected a place"),
    ],
)
def test_options_are_checked_before_it_listens(
    tmp_path: Path, options: list[str], expected: str
) -> None:
    """With exit code 2."""
    (tmp_path / "full").mkdir()
    done = call_kit("proxy", "--target", "http://127.0.0.1:1", *options, folder=tmp_path)
    assert done.returncode == 2
    assert expected in done.stdout


def exchange(path: str, body: str, status: int = 200, kind: str = "json") -> ObservedExchange:
    """An exchange as it passes."""
    media = "text/event-stream" if kind == "stream" else "application/json"
    request = ObservedRequest("GET", f"{RUNS}{path}", (("x-api-key", "k"),), b"", 0.0, "here")
    response = ObservedResponse(status, (("content-type", media),), body.encode(), 0.1, 0.2)
    return ObservedExchange(request, response)


class TestWhatPasses:
    """Whatever it is."""

    @pytest.mark.parametrize(
        "body",
        ["", "[]", "null", "{", '{"id": 5}', '{"items": [1, {"id": null}]}', '{"steps": [{}, 1]}',
         "[" * 100_000, '{"items": {"a": 1}}', '{"steps": {"key": 1}}'],
    )  # fmt: skip
    @pytest.mark.parametrize("path", ["", f"/{RUN}", f"/{RUN}/steps", f"/{RUN}/events"])
    def test_no_body_stops_it(self, path: str, body: str) -> None:
        """And what is not a run is not recorded."""
        runs = PassingRuns()
        answers = PassingAnswers(runs)
        for status in (200, 404):
            for kind in ("json", "stream"):
                answers.take(exchange(path, body, status, kind))
                runs.take(exchange(path, body, status, kind))
        assert runs.all() == []

    def test_an_older_state_does_not_replace_a_newer_one(self) -> None:
        """As in a list that lags."""
        runs = PassingRuns()
        for status, second in (("running", 5), ("pending", 1)):
            run = {"id": RUN, "status": status, "updatedAt": f"2026-01-01T00:00:0{second}Z"}
            runs.take(exchange("", json.dumps({"items": [run]})))
        assert [each.run["status"] for each in runs.all()] == ["running"]

    def test_runs_are_bounded(self) -> None:
        """The ones that passed first go, and are counted."""
        runs = PassingRuns(max_runs=3)
        for number in range(5):
            runs.take(exchange(f"/{number}", f'{{"id": "{number}"}}'))
        assert [each.id for each in runs.all()] == ["2", "3", "4"]
        assert runs.dropped == 2

    def test_events_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those of the run seen longest ago go."""
        monkeypatch.setattr("conformance.recording.passing_runs.MAX_EVENTS", 3)
        runs = PassingRuns()
        for number in range(2):
            runs.take(exchange(f"/{number}", f'{{"id": "{number}"}}'))
            data = 'data: {"event": "step.started", "data": {}}\n\n'
            runs.take(exchange(f"/{number}/events", data * 2, kind="stream"))
        first, second = runs.all()
        assert first.events == ()
        assert [type(event) for event in second.events] == [RunEvent, RunEvent]
