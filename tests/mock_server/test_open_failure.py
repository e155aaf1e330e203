"""A failure of a conformance run opens as a world that shows its runs as they were observed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mock_server.cli.failure import open_file
from mock_server.errors import UsageError
from mock_server.settings import Settings
from mock_server.testing import MockWorld
from mock_server.worlds.from_failure.failure_file import FailureFile
from mock_server.worlds.registry import Worlds

RUNS = "/api/v1/automation-runs"
START = {"now": "2026-03-02T08:15:00Z", "seed": 7, "scale": 0, "runs": 0, "live": 0}
# What a document of a world cannot say: it follows from the automation and the tenant.
OF_THE_TENANT = (
    "automationId",
    "automationVersionId",
    "tenantId",
    "triggerSourceId",
    "concurrencyKey",
    "updatedAt",
)
Json = dict[str, Any]


class Recorder:
    """The exchanges of a client with a world, as a file of a failure has them."""

    def __init__(self, world: MockWorld) -> None:
        self.world = world
        self.exchanges: list[Json] = []

    def send(self, method: str, path: str, body: str | None = None) -> Json:
        """Send a request and record the exchange; the events of a stream too."""
        content = {} if body is None else {"json": {"mode": body}}
        response = self.world.client.request(method, RUNS + path, **content)
        assert response.status_code == 200, response.text
        events = []
        if path.endswith("/events"):
            for block in response.text.split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
                if "data" in fields:
                    event = {"event": fields["event"], "id": fields["id"], "data": fields["data"]}
                    events.append({"at": 0.1 * len(events), **event})
        self.exchanges.append(
            {
                "number": len(self.exchanges) + 1,
                "at": float(len(self.exchanges)),
                "seconds": 0.01,
                "method": method,
                "url": f"https://api.example.com/base{RUNS}{path}?a=b",
                "status": 200,
                "responseBody": "" if events else response.text,
                "events": events,
            }
        )
        return {} if events else response.json()

    def file(self) -> Json:
        """The file so far."""
        check = {
            "message": "it failed",
            "recordingStarted": "2026-03-02T08:15:00Z",
            "exchanges": copy.deepcopy(self.exchanges),
        }
        return {
            "kind": "runs-conformance failure",
            "format": 1,
            "requirement": {"id": "LIFE-02", "statement": "A run MUST complete."},
            "checks": [check],
        }


@pytest.fixture
def recorder(mock_world: MockWorld) -> Recorder:
    """A recorder of an empty world with a frozen clock."""
    mock_world.client.post("/_mock/reset", json=START).raise_for_status()
    return Recorder(mock_world)


def open_(world: MockWorld, file: Json) -> tuple[int, Json]:
    """Open a failure; the status code and the body."""
    response = world.client.post("/_mock/failures", json=file)
    return response.status_code, response.json()


def shown(world: MockWorld, run_id: str, key: str) -> tuple[Json, list[Json], list[str]]:
    """A run, its steps and the types of its events, as a client with that key sees them."""
    headers = {"X-API-Key": key}
    run = world.client.get(f"{RUNS}/{run_id}", headers=headers).json()
    steps = world.client.get(f"{RUNS}/{run_id}/steps", headers=headers).json()["steps"]
    found = world.client.get(f"/_mock/runs/{run_id}?world={key}", headers=headers).json()
    kept = {name: value for name, value in run.items() if name not in OF_THE_TENANT}
    return kept, steps, [event["event"] for event in found["log"]]


def course(recorder: Recorder, scenario: str) -> str:
    """Let a run of the scenario go to its end, and through what a client can do to it."""
    world = recorder.world
    run_id = world.create(scenario)
    recorder.send("GET", f"/{run_id}")
    world.advance(30)
    recorder.send("GET", f"/{run_id}/steps")
    match scenario:
        case "flaky":
            recorder.send("GET", f"/{run_id}")
            recorder.send("POST", f"/{run_id}/retry", "from_failed")
            world.advance(60)
        case "hang" | "long-queue" | "approval":
            recorder.send("POST", f"/{run_id}/cancel")
            world.advance(60)
        case _:
            world.advance("1h")
    recorder.send("GET", f"/{run_id}/steps")
    recorder.send("GET", f"/{run_id}")
    return run_id


SCENARIOS = ["failure-in-the-middle", "flaky", "diamond", "hang", "long-queue", "approval"]
SCENARIOS += ["empty", "unicode", "truncated-result"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_run_is_shown_as_it_was_observed(recorder: Recorder, scenario: str) -> None:
    """Status, times, results, errors and the types of its events, from reads or from its stream."""
    world = recorder.world
    run_id = course(recorder, scenario)
    before = shown(world, run_id, world.key)
    status, read = open_(world, recorder.file())
    assert (status, read["runs"], read["notes"]) == (201, 1, []), read
    after = shown(world, run_id, read["name"])
    assert after[:2] == before[:2]
    # Events of one instant come in any order, and a request to cancel leaves no trace.
    traced = [each for each in before[2] if each != "run.cancel_requested"]
    assert sorted(after[2]) == sorted(traced)
    recorder.exchanges.clear()
    recorder.send("GET", f"/{run_id}/events")
    status, streamed = open_(world, recorder.file())
    assert (status, streamed["notes"]) == (201, []), streamed
    assert shown(world, run_id, streamed["name"]) == before
    clock = world.client.get("/_mock/clock", params={"world": streamed["name"]}).json()
    assert clock["frozen"] is True


def test_a_list_shows_many_runs(recorder: Recorder) -> None:
    """Each without steps, in the order of their creation."""
    world = recorder.world
    world.client.post("/_mock/reset", json=START | {"runs": 30, "live": 3}).raise_for_status()
    page = recorder.send("GET", "")
    status, opened = open_(world, recorder.file())
    assert (status, opened["runs"]) == (201, page["total"])
    headers = {"X-API-Key": opened["name"]}
    again = world.client.get(RUNS, headers=headers).json()
    assert [run["id"] for run in again["items"]] == [run["id"] for run in page["items"]]
    assert [run["status"] for run in again["items"]] == [run["status"] for run in page["items"]]


def change(exchange: Json, **values: Any) -> None:
    """Change the object in a response."""
    exchange["responseBody"] = json.dumps(json.loads(exchange["responseBody"]) | values)


def test_what_cannot_happen_is_noted(recorder: Recorder) -> None:
    """The nearest course that can is shown, and what differs from it is said."""
    world = recorder.world
    run_id = world.create("quick-success")
    world.advance(1.5)
    recorder.send("GET", f"/{run_id}/steps")
    world.advance("1h")
    recorder.send("GET", f"/{run_id}")
    status, opened = open_(world, recorder.file())
    assert status == 201
    (note,) = opened["notes"]
    assert "was running when the run ended and is shown as cancelled" in note
    run, steps, _ = shown(world, run_id, opened["name"])
    assert (run["status"], steps[0]["status"]) == ("completed", "cancelled")
    assert opened["name"].startswith("test-failure-life-02")


def test_the_end_that_came_twice_is_noted(recorder: Recorder) -> None:
    """And a stream without its beginning does not count: what was read counts."""
    world = recorder.world
    run_id = world.create("quick-success")
    world.advance("1h")
    recorder.send("GET", f"/{run_id}/events")
    events = recorder.exchanges[0]["events"]
    events.append(events[-1])
    status, opened = open_(world, recorder.file())
    assert status == 201
    assert [note.split(": ", 1)[1] for note in opened["notes"]] == [
        "run.completed cannot happen to a completed run and is left out"
    ]
    recorder.send("GET", f"/{run_id}/steps")
    recorder.send("GET", f"/{run_id}")
    recorder.exchanges[0]["events"] = events[3:]
    status, opened = open_(world, recorder.file())
    assert (status, opened["notes"]) == (201, [])
    before, after = (shown(world, run_id, key) for key in (world.key, opened["name"]))
    assert after[:2] == before[:2]


def set_at(*place: Any, value: Any) -> Callable[[Json], None]:
    """A change of the value at a place of the file."""

    def apply(file: Any) -> None:
        for key in place[:-1]:
            file = file[key]
        file[place[-1]] = value

    return apply


def in_body(**values: Any) -> Callable[[Json], None]:
    """A change of the run in the second response."""
    return lambda file: change(file["checks"][0]["exchanges"][1], **values)


def in_steps(**values: Any) -> Callable[[Json], None]:
    """A change of the first step in the first response."""

    def apply(file: Json) -> None:
        exchange = file["checks"][0]["exchanges"][0]
        steps = json.loads(exchange["responseBody"])["steps"]
        change(exchange, steps=[steps[0] | values, *steps[1:]])

    return apply


EXCHANGE = ("checks", 0, "exchanges", 1)
HOSTILE: list[tuple[Callable[[Json], None], int]] = [
    (in_body(createdAt="yesterday", startedAt=None, completedAt=7), 201),
    (in_body(createdAt="9999-12-31T23:59:59Z", startedAt="0001-01-01T00:00:00Z"), 201),
    (in_body(createdAt="2026-03-02T08:15:00"), 201),
    (in_body(status="exploded"), 201),
    (in_body(status=["failed"], error="a text", versionNumber=-1, triggerType={}), 201),
    (in_body(error={"x": "y" * 60_000}, status="failed"), 201),
    (in_body(externalJobId="x" * 9_000, concurrencyKey="{{name}}"), 201),
    (in_steps(dependsOn="x", name=None, result=[1], status=None), 201),
    (in_steps(dependsOn=["no-such", 7, None], error={"code": 1, "message": "{{x"}), 201),
    (in_steps(key="x" * 500), 422),
    (in_steps(key="{{x}}"), 422),
    (in_body(id="not-a-uuid"), 201),
    (set_at(*EXCHANGE, "responseBody", value="[" * 100_000), 201),
    (set_at(*EXCHANGE, "responseBody", value='{"id": "\\ud800"}'), 201),
    (set_at(*EXCHANGE, "url", value="http://["), 201),
    (set_at(*EXCHANGE, "events", value=[{"at": 0, "event": "x", "data": "{"}]), 201),
    (set_at(*EXCHANGE, "at", value=-1), 422),
    (set_at(*EXCHANGE, "status", value="200"), 422),
    (set_at("kind", value="report"), 422),
    (set_at("format", value=2), 422),
    (set_at("checks", value=[]), 422),
    (set_at("checks", 0, "exchanges", value=[]), 422),
    (set_at("requirement", "id", value="../x"), 422),
    (set_at("requirement", "id", value="X-" + "1" * 60), 422),
]


@pytest.mark.parametrize(("damage", "expected"), HOSTILE)
def test_any_file_is_opened_or_changes_nothing(
    recorder: Recorder, damage: Callable[[Json], None], expected: int
) -> None:
    """A world that opens can be read; an error names its place, and no world is opened."""
    world = recorder.world
    run_id = world.create("failure-in-the-middle")
    world.advance("1h")
    recorder.send("GET", f"/{run_id}/steps")
    recorder.send("GET", f"/{run_id}")
    file = recorder.file()
    damage(file)
    before = [one["name"] for one in world.client.get("/_mock/worlds").json()["items"]]
    status, body = open_(world, file)
    assert status == expected, body
    if status == 422:
        assert body["detail"][0]["loc"][0] == "body"
        after = [one["name"] for one in world.client.get("/_mock/worlds").json()["items"]]
        assert after == before
    else:
        headers = {"X-API-Key": body["name"]}
        assert world.client.get(RUNS, headers=headers).status_code == 200
        assert world.client.get(f"{RUNS}/{run_id}/steps", headers=headers).status_code == 200


def test_steps_in_a_circle_change_nothing(recorder: Recorder) -> None:
    """The import rejects them, as it does in any document."""
    world = recorder.world
    run_id = world.create("diamond")
    steps = recorder.send("GET", f"/{run_id}/steps")["steps"]
    steps[0]["dependsOn"] = [steps[-1]["key"]]
    change(recorder.exchanges[0], steps=steps)
    status, body = open_(world, recorder.file())
    assert (status, "circle" in json.dumps(body)) == (422, True)


def test_a_mock_starts_with_a_failure(
    recorder: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints the world, its runs and their differences."""
    recorder.send("GET", f"/{recorder.world.create('diamond')}")
    file = tmp_path / "LIFE-02.json"
    file.write_text(json.dumps(recorder.file()), encoding="utf-8")
    worlds = Worlds(Settings())
    opened = open_file(worlds, file)
    assert (opened.runs, opened.world) == (1, "test-failure-life-02")
    assert worlds.get(opened.world) is not None
    opened.print()
    assert "test-failure-life-02 has 1 run; send X-API-Key" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{\n[", "x.json:2: JSON decode error"),
        (b"\xff", "x.json:1: JSON decode error: not UTF-8"),
        (b"{}", "x.json: kind: field required"),
        (b'{"kind": "\x1b[31m"}', "x.json:1: JSON decode error"),
        (None, "cannot be read"),
    ],
)
def test_a_mock_does_not_start_with_another_file(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    """The error names the file and how to write one."""
    file = tmp_path / "x.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        open_file(Worlds(Settings()), file)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_the_documented_format_is_the_same_on_both_sides() -> None:
    """What the mock reads is in the schema that the kit publishes."""
    folder = Path(__file__).parents[2] / "conformance"
    schema = json.loads((folder / "failure.schema.json").read_text(encoding="utf-8"))
    read = FailureFile.model_json_schema(by_alias=True)
    pairs = [(read, schema)]
    for name, other in (("CheckRecord", "failedCheck"), ("ExchangeRecord", "recordedExchange")):
        pairs.append((read["$defs"][name], schema["$defs"][other]))
    for mine, theirs in pairs:
        assert set(mine["properties"]) <= set(theirs["properties"])
        assert set(mine["required"]) <= set(theirs["required"])
