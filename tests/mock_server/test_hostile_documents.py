"""What comes from outside is bounded before it is worked on, and what is accepted can be shown.

An invalid document, link or scenario returns 422 and changes nothing.
"""

import base64
import copy
import json
import time
import zlib
from typing import Any

import pytest

from mock_server.engine.duration import parse_duration
from mock_server.errors import RequestValidationError
from mock_server.testing import MockWorld
from mock_server.worlds import repro_link

RUNS = "/api/v1/automation-runs"
START = {"now": "2026-03-02T08:15:00Z", "seed": 7, "scale": 0, "runs": 4, "live": 3}
HEADERS = {"Content-Type": "application/json"}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def scenario(**step: Any) -> dict[str, Any]:
    return {"summary": "S", "automation": {"name": "A"}, "steps": [{"key": "a", **step}]}


def shown(world: MockWorld) -> list[bytes]:
    """Return everything that can be read of a world, and its export."""
    page = world.client.get(f"{RUNS}?limit=1000")
    assert page.status_code == 200, page.text
    found = [page.content]
    for run in page.json()["items"]:
        for path in ("", "/steps"):
            response = world.client.get(f"{RUNS}/{run['id']}{path}")
            assert response.status_code == 200, response.text
            found.append(response.content)
    state = world.client.get("/_mock/state")
    assert state.status_code == 200, state.text
    return [*found, state.content]


@pytest.fixture(scope="module")
def original(mock_server_url: str) -> Any:
    """Return a world with a failed run, a rate limit, a rule and arrivals, as a document."""
    with MockWorld(mock_server_url, "test-hostile-document", **START) as world:
        return created(world)


@pytest.fixture
def document(mock_world: MockWorld, original: Any) -> Any:
    """Return that document, which is also what the world of the test holds."""
    assert put(mock_world, original).status_code == 200
    return copy.deepcopy(original)


def created(mock_world: MockWorld) -> Any:
    mock_world.create("failure-in-the-middle")
    mock_world.create("quick-success")
    mock_world.client.put("/_mock/arrivals", json={"perMinute": 1}).raise_for_status()
    rule = {"status": {"code": 503}, "operations": ["cancelRun"], "lasts": "5m"}
    for one in ({"rateLimit": {"limit": 50}, "operations": ["retryRun"]}, rule):
        mock_world.client.post("/_mock/faults", json=one).raise_for_status()
    mock_world.advance(60)
    return mock_world.client.get("/_mock/state").json()


def put(world: MockWorld, document: Any) -> Any:
    content = json.dumps(document).encode()
    return world.client.put("/_mock/state", content=content, headers=HEADERS)


def event_with(document: Any, fact: str) -> dict[str, Any]:
    """Return the facts of the first event that has ``fact``."""
    facts = (row[3] for run in document["runs"] for row in run["log"])
    found: dict[str, Any] = next(one for one in facts if one.get(fact) is not None)
    return found


CHANGES: dict[str, Any] = {
    "rate-tiny": lambda d: d["arrivals"].update(perMinute=5e-324),
    "rate-huge": lambda d: d["arrivals"].update(perMinute=1e300),
    "rate-true": lambda d: d["arrivals"].update(perMinute=True),
    "rate-text": lambda d: d["arrivals"].update(perMinute="6"),
    "weight-zero": lambda d: d["arrivals"]["mix"][0].__setitem__(1, 0),
    "weight-tiny": lambda d: d["arrivals"]["mix"][0].__setitem__(1, 5e-324),
    "weight-huge": lambda d: d["arrivals"]["mix"][0].__setitem__(1, 1e308),
    "arrival-late": lambda d: d["arrivals"].update(nextAt=2**62),
    "until-late": lambda d: d["faults"]["rules"][1].update(until=4611686018427387904),
    "until-true": lambda d: d["faults"]["rules"][1].update(until=True),
    "met-late": lambda d: d["faults"]["rules"][1].update(met=2**64),
    "window-late": lambda d: d["faults"]["rules"][0].update(window=[2**62, 1]),
    "window-negative": lambda d: d["faults"]["rules"][0].update(window=[-(2**62), 1]),
    "window-count": lambda d: d["faults"]["rules"][0].update(window=[0, 2**63]),
    "added-large": lambda d: d["faults"].update(added=2**63),
    "asked-float": lambda d: d["faults"].update(asked=1.0),
    "left-out": lambda d: d.update(leftOut=18446744073709551615),
    "left-out-true": lambda d: d.update(leftOut=True),
    "version-true": lambda d: d.update(version=True),
    "version-float": lambda d: d.update(version=1.0),
    "seed-float": lambda d: d.update(seed=7.0),
    "scale-true": lambda d: d["clock"].update(scale=True),
    "scale-text": lambda d: d["clock"].update(scale="1"),
    "frozen-one": lambda d: d["clock"].update(frozen=1),
    "now-late": lambda d: d["clock"].update(now="9999-01-01T00:00:00Z"),
    "time-float": lambda d: d["runs"][0]["log"][0].__setitem__(0, 0.0),
    "step-true": lambda d: d["runs"][0]["log"][-1].__setitem__(2, True),
    "scenario-true": lambda d: d["runs"][0].update(scenario=False),
    "scenario-index": lambda d: d["runs"][0].update(scenario=2**70),
    "attempts": lambda d: d["runs"][0].update(continues={"attempts": [2**64], "kept": {}}),
    "log-long-id": lambda d: event_with(d, "externalJobId").update(externalJobId="x" * 1_000),
    "result-deep": lambda d: event_with(d, "result").update(result=nested(250)),
    "result-integer": lambda d: event_with(d, "result").update(result={"n": 2**64}),
    "error-deep": lambda d: event_with(d, "error").update(error=nested(300)),
    "error-large": lambda d: event_with(d, "error").update(error={"message": "x" * 20_000}),
    "surrogate-value": lambda d: event_with(d, "error").update(error={"message": "\ud800"}),
    "surrogate-key": lambda d: event_with(d, "error").update(error={"\udfff": "x"}),
    "surrogate-name": lambda d: d["scenarios"][0]["plays"].update(summary="\ud800"),
    "infinite": lambda d: event_with(d, "error").update(error={"n": float("inf")}),
    "nan": lambda d: d["clock"].update(scale=float("nan")),
    "takes-long": lambda d: d["scenarios"][0]["plays"]["steps"][0].update(takes="9" * 400 + "s"),
    "takes-arabic": lambda d: d["scenarios"][0]["plays"]["steps"][0].update(takes="\u0663s"),
    "waits-long": lambda d: d["scenarios"][0]["plays"].update(waits="1" * 309 + "ms"),
    "repeat-true": lambda d: d["scenarios"][0]["plays"]["steps"][0].update(repeat=True),
    "key-long": lambda d: d["scenarios"][0]["plays"].update(concurrencyKey="x" * 5_000),
    "word": lambda d: d["scenarios"][0]["plays"]["steps"][0].update(result={"v": "{{pydict}}"}),
    "due-late": lambda d: d["due"].append([2**62, 0, "start", None]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_import_that_could_not_be_shown_is_refused(
    mock_world: MockWorld, document: Any, name: str
) -> None:
    """422 with the location; the world is as it was and still responds."""
    before = mock_world.client.get("/_mock/state").content
    CHANGES[name](document)
    response = put(mock_world, document)
    assert response.status_code == 422, response.text[:500]
    assert response.json()["detail"][0]["loc"][0] == "body"
    assert mock_world.client.get("/_mock/state").content == before
    assert mock_world.client.get(f"{RUNS}?limit=1000").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda d: event_with(d, "result").update(result=nested(60)),
        lambda d: event_with(d, "error").update(error=nested(60)),
        lambda d: event_with(d, "result").update(result={"n": 2**63 - 1, "t": "\U0001f600"}),
        lambda d: d["arrivals"].update(perMinute=600),
        lambda d: d.update(leftOut=2**53 - 1),
    ],
)
def test_an_import_at_the_bounds_can_be_shown(
    mock_world: MockWorld, document: Any, change: Any
) -> None:
    """Also later, when its clock goes on."""
    change(document)
    response = put(mock_world, document)
    assert response.status_code == 200, response.text
    assert json.loads(shown(mock_world)[-1]) == document
    mock_world.advance(2)
    shown(mock_world)


def test_an_import_is_proven_before_it_replaces_anything(
    mock_world: MockWorld, document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a rule for documents is missing, the former world stays all the same."""
    before = shown(mock_world)
    monkeypatch.setattr("mock_server.worlds.restore.check_json", lambda value, maximum: 0)
    event_with(document, "error").update(error=nested(300))
    response = put(mock_world, document)
    assert response.status_code == 422
    assert "cannot be rendered" in response.json()["detail"][0]["msg"]
    assert shown(mock_world) == before


def token(document: Any) -> str:
    packed = zlib.compress(json.dumps(document).encode(), 9)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def many(scenarios: int, repeat: int) -> list[Any]:
    steps = [{"key": "a", "repeat": repeat}, {"key": "b", "repeat": repeat, "dependsOn": ["a"]}]
    plays = {"summary": "S", "automation": {"name": "A"}, "steps": steps}
    return [{"name": f"s{number}", "plays": plays} for number in range(scenarios)]


RUN = {"scenario": 0, "continues": None, "log": [[0, "run.created", None, {}]]}


def runs(count: int) -> list[Any]:
    return [{"id": f"497f6eca-6276-4993-bfeb-{n:012x}", **RUN} for n in range(count)]


LARGE: dict[str, Any] = {
    "edges": {"scenarios": many(40, 1_000)},
    "edges-in-all": {"scenarios": many(40, 200)},
    "steps": {"scenarios": [{"name": "s", "plays": scenario(repeat=2_000)}] * 3},
    "steps-of-runs": {
        "scenarios": [{"name": "s", "plays": scenario(repeat=2_000)}],
        "runs": runs(100),
    },
    "text": {
        "scenarios": [{"name": "s", "plays": scenario(repeat=2_000, result={"a": "x" * 9_000})}]
    },
    "words": {
        "scenarios": [{"name": "s", "plays": scenario(repeat=200, result={"a": "{{text}}" * 99})}]
    },
    "needs": {
        "scenarios": [
            {
                "name": "s",
                "plays": {
                    "summary": "S",
                    "automation": {"name": "A"},
                    "steps": [
                        {"key": "a"},
                        {"key": "b", "repeat": 1_000, "dependsOn": ["a"] * 5_000},
                    ],
                },
            }
        ]
    },
    "padding": {"scenarios": [{"name": "x" * 2_000_000, "plays": scenario()}]},
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", LARGE)
def test_a_link_that_stands_for_too_much_is_refused_at_once(
    mock_world: MockWorld, document: Any, name: str, method: str
) -> None:
    """It needs a few hundred characters; the mock refuses it before it builds anything."""
    small = {**document, "faults": {"added": 0, "asked": 0, "rules": []}, "arrivals": None}
    small |= {"due": [], "runs": [], **LARGE[name]}
    assert len(token(small)) < 8_000
    worlds = len(mock_world.client.get("/_mock/worlds").json()["items"])
    took = []
    for _ in range(3):
        began = time.process_time()
        response = mock_world.client.request(method, f"/_mock/repro/{token(small)}")
        took.append(time.process_time() - began)
        assert response.status_code == 422, response.text[:300]
    # CPU time of this process, in which the mock runs too; one of three, as others share it.
    assert min(took) < 0.1
    assert len(mock_world.client.get("/_mock/worlds").json()["items"]) == worlds


@pytest.mark.parametrize("name", ["steps-of-runs", "edges", "text", "words", "needs"])
def test_an_import_that_stands_for_too_much_is_refused(
    mock_world: MockWorld, document: Any, name: str
) -> None:
    """With room for large worlds, but not for any."""
    large = {**document, "due": [], "runs": [], "arrivals": None, **LARGE[name]}
    if name == "steps-of-runs":
        large["runs"] = runs(1_100)
    response = put(mock_world, large)
    assert response.status_code == 422, response.text[:300]
    assert "the maximum is" in response.text or "more than" in response.text


STEPS: dict[str, dict[str, Any]] = {
    "result-deep": {"result": nested(250)},
    "result-integer": {"result": {"n": 2**63}},
    "takes-long": {"takes": "9" * 400 + "s"},
    "takes-range-long": {"takes": "1s.." + "9" * 400 + "s"},
    "takes-arabic": {"takes": "\u0663s"},
    "takes-fraction": {"takes": "1." + "9" * 400 + "s"},
    "takes-number": {"takes": 3},
    "takes-infinite": {"takes": "infs"},
    "error-long": {"error": {"code": "x", "message": "x" * 20_000}},
    "code-long": {"error": {"code": "x" * 2_000, "message": "x"}},
    "truncated-one": {"truncated": 1},
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("where", ["scenario", "changes"])
def test_a_step_that_could_not_be_shown_is_refused(
    mock_world: MockWorld, name: str, where: str
) -> None:
    """In a scenario of a request and in changes to one."""
    body: dict[str, Any] = {"scenario": scenario(**STEPS[name])}
    if where == "changes":
        body = {"scenario": "quick-success", "changes": {"collect": STEPS[name]}}
    response = mock_world.client.post("/_mock/runs", json=body)
    assert response.status_code == 422, response.text[:300]
    assert len(response.text) < 3_000
    assert mock_world.client.get(RUNS).json()["total"] == 0


def test_changes_cannot_make_a_scenario_too_large(mock_world: MockWorld) -> None:
    """What a scenario may hold holds with changes, too."""
    result = {"v": "{{text}}" * 9_000}
    body = {"scenario": "quick-success", "changes": {"collect": {"result": result}}}
    response = mock_world.client.post("/_mock/runs", json=body)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "changes"]


@pytest.mark.parametrize("error", [nested(300), {"m": "x" * 20_000}, {"n": {"a": [2**63] * 2}}])
def test_an_error_that_could_not_be_shown_is_refused(
    mock_world: MockWorld, error: dict[str, Any]
) -> None:
    """The run goes on, and the list shows it."""
    run_id = mock_world.create("hang")
    body = {"outcome": "failed", "error": error}
    response = mock_world.client.post(f"/_mock/runs/{run_id}/outcome", json=body)
    assert response.status_code == 422, response.text
    assert mock_world.client.get(RUNS).json()["items"][0]["status"] == "pending"


@pytest.mark.parametrize(
    "text", ["\u0663s", "1e3s", "9" * 13 + "ms", "-1s", "1_0s", "\uff11s", "1s\n", ""]
)
def test_a_duration_has_a_few_ascii_digits(text: str) -> None:
    """Anything else is an error with an example, wherever durations are read."""
    with pytest.raises(ValueError, match=r"is not a duration|longer than"):
        parse_duration(text.replace("1s\n", "1\ns"))


@pytest.mark.parametrize(
    "text", ["[" + "1," * 520_000 + "1]", '{"runs":[' + "[]," * 349_000 + "[]]}"], ids=["1", "[]"]
)
def test_a_short_link_with_many_values_is_not_parsed(
    mock_world: MockWorld, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is rejected by its size alone, before other worlds have to wait for it."""
    token = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).rstrip(b"=").decode()
    monkeypatch.setattr("mock_server.worlds.repro_link.parse", lambda text: pytest.fail("parsed"))
    with pytest.raises(RequestValidationError):
        repro_link.unpack(token)
    assert mock_world.client.get(f"/_mock/repro/{token}").status_code == 422
