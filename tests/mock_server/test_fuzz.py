"""Mutated documents, links, scenario files and control requests: each has a 2xx or a declared 4xx
response, soon, and the world still responds to everything.

``make fuzz`` draws many more cases, other ones each time.
"""

import base64
import json
import os
import re
import time
import zlib
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mutations import HOSTILE, mutated
from plain_yaml import parse_yaml

from mock_server.engine import scenario
from mock_server.errors import FileError
from mock_server.resources import control_file, scenarios_dir
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
PATIENCE = 20
HEADERS = {"Content-Type": "application/json"}
EXAMPLES = int(os.environ.get("MOCK_FUZZ_EXAMPLES", "0"))


def fuzz(examples: int) -> Any:
    return settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


CONTROL = parse_yaml(control_file().read_text(encoding="utf-8"))["paths"]


def declared(method: str, path: str) -> set[str]:
    """Return the declared status codes of an operation of the control API."""
    for template, item in CONTROL.items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in item:
            return set(item[method.lower()]["responses"])
    raise AssertionError(f"{method} {path} is not declared")


def send(world: MockWorld, method: str, path: str, body: Any = None) -> httpx2.Response:
    """Send a control request, and check that its response is declared, and soon."""
    content = None if body is None else json.dumps(body).encode()
    began = time.monotonic()
    response = world.client.request(method, f"/_mock{path}", content=content, headers=HEADERS)
    assert time.monotonic() - began < PATIENCE
    assert response.status_code < 500, response.text[:500]
    assert str(response.status_code) in declared(method, path), response.text[:500]
    return response


def check_world(world: MockWorld) -> None:
    """Read everything that the world holds."""
    page = world.client.get(f"{RUNS}?limit=1000")
    assert page.status_code == 200, page.text[:500]
    for run in page.json()["items"]:
        steps = world.client.get(f"{RUNS}/{run['id']}/steps")
        assert steps.status_code == 200, steps.text[:500]
        if run["completedAt"] is not None:
            events = world.client.get(f"{RUNS}/{run['id']}/events")
            assert events.status_code in (200, 204), events.text[:500]
    for path in ("/state", "/clock", "/faults", "/arrivals", "/behaviour", "/worlds", "/coverage"):
        assert send(world, "GET", path).status_code == 200
    assert send(world, "POST", "/clock/advance", {"seconds": 5}).status_code == 200


@pytest.fixture(scope="module")
def document(mock_server_url: str) -> Any:
    """Return a small world with something of everything, as a document."""
    start = {"now": "2026-03-02T08:15:00Z", "seed": 7, "scale": 0, "runs": 1, "live": 2}
    with MockWorld(mock_server_url, "test-fuzz-document", **start) as world:
        behaviour = {"Q01": "new_run"}
        world.client.put("/_mock/behaviour", json={"behaviour": behaviour}).raise_for_status()
        failed = world.create("failure-in-the-middle")
        world.create("approval")
        world.client.put("/_mock/arrivals", json={"perMinute": 6}).raise_for_status()
        for rule in (
            {"rateLimit": {"limit": 50}, "operations": ["retryRun"]},
            {"status": {"code": 503}, "operations": ["cancelRun"], "lasts": "5m", "count": 2},
        ):
            world.client.post("/_mock/faults", json=rule).raise_for_status()
        world.advance(20)
        world.client.post(f"{RUNS}/{failed}/retry", json={}).raise_for_status()
        return world.client.get("/_mock/state").json()


@fuzz(40)
@given(data=st.data())
def test_mutated_worlds(mock_world: MockWorld, document: Any, data: st.DataObject) -> None:
    """An import is complete or changes nothing; faults of the document may apply to reads."""
    changed = data.draw(mutated(document))
    if isinstance(changed.get("clock"), dict):
        changed["clock"]["frozen"] = True  # Otherwise the state depends on the time of the test.
    before = mock_world.client.get("/_mock/state").content
    response = send(mock_world, "PUT", "/state", changed)
    if response.status_code != 200:
        assert mock_world.client.get("/_mock/state").content == before
        return
    send(mock_world, "DELETE", "/faults")
    check_world(mock_world)


@fuzz(25)
@given(data=st.data())
def test_mutated_links(mock_world: MockWorld, document: Any, data: st.DataObject) -> None:
    """Of the document, or of the token itself; opened, the world can be read."""
    content = zlib.compress(json.dumps(data.draw(mutated(document))).encode(), 9)
    if data.draw(st.integers(0, 3)) == 0:
        at = data.draw(st.integers(0, len(content)))
        content = content[:at] + data.draw(st.binary(max_size=9)) + content[at + 1 :]
    token = base64.urlsafe_b64encode(content).rstrip(b"=").decode()[:8_000]
    shown = send(mock_world, "GET", f"/repro/{token}")
    opened = send(mock_world, "POST", f"/repro/{token}")
    assert (shown.status_code == 200) == (opened.status_code == 201)


SCENARIO = {
    "summary": "S",
    "automation": {"name": "A", "version": 3},
    "trigger": {"type": "schedule", "source": "schedule"},
    "concurrencyKey": "k",
    "waits": "1s..2s",
    "steps": [
        {"key": "a", "takes": "2s", "result": {"n": [1, {"who": "{{name}}"}]}},
        {"key": "b", "dependsOn": ["a"], "repeat": 3, "outcome": ["fails", "succeeds"]},
        {"key": "c", "dependsOn": ["b", "a"], "error": {"code": "x", "message": "y"}},
    ],
}
RUN_ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
REQUESTS: list[tuple[str, str, Any]] = [
    ("POST", "/runs", {"scenario": SCENARIO}),
    ("POST", "/runs", {"scenario": SCENARIO}),
    (
        "POST",
        "/runs",
        {
            "scenario": "quick-success",
            "changes": {
                "index": {"takes": "2s", "outcome": ["fails"], "result": {"a": [1]}},
                "publish": {"error": {"code": "x", "message": "y"}, "truncated": True},
            },
        },
    ),
    ("POST", f"/runs/{RUN_ID}/outcome", {"outcome": "failed", "error": {"code": "x", "at": [1]}}),
    ("POST", f"/runs/{RUN_ID}/decision", {"approved": True, "step": "a"}),
    ("POST", f"/runs/{RUN_ID}/wait", {"statuses": ["running"], "timeoutSeconds": 0}),
    ("PUT", "/arrivals", {"perMinute": 6, "scenarios": {"quick-success": 1, "diamond": 2.5}}),
    ("PUT", "/behaviour", {"behaviour": {"Q01": "new_run", "Q11": "oldest_first"}}),
    ("POST", "/clock/advance", {"seconds": 1}),
    ("POST", "/clock/advance", {"until": {"run": RUN_ID, "status": "running"}, "seconds": 1}),
    ("POST", "/faults", {"status": {"code": 503, "retryAfter": "2s"}, "operations": ["retryRun"]}),
    ("POST", "/faults", {"latency": {"takes": "0ms"}, "probability": 0.5, "lasts": "1s"}),
    ("POST", "/faults", {"rateLimit": {"limit": 60, "window": "1m"}}),
    ("POST", "/reset", {"seed": 7, "now": "2026-03-02T08:15:00Z", "runs": 1, "scale": 0}),
    ("POST", "/repro", {"runs": [RUN_ID]}),
]


@fuzz(60)
@given(data=st.data())
def test_mutated_requests(mock_world: MockWorld, data: st.DataObject) -> None:
    """Of every operation with a body; a run exists for those that act on one."""
    run_id = mock_world.create("approval")
    method, path, body = data.draw(st.sampled_from(REQUESTS))
    text = json.dumps(data.draw(mutated({"body": body}))).replace(RUN_ID, run_id)
    changed = json.loads(text).get("body")
    if path.endswith("/wait"):  # It would wait for half a minute by default.
        changed = {**(changed if isinstance(changed, dict) else {}), "timeoutSeconds": 0}
    response = send(mock_world, method, path.replace(RUN_ID, run_id), changed)
    if response.status_code < 300:
        send(mock_world, "DELETE", "/faults")
        send(mock_world, "DELETE", "/arrivals")
        send(mock_world, "POST", "/clock/freeze")
        check_world(mock_world)
        mock_world.control("reset", scale=0, runs=0, live=0)


@fuzz(100)
@given(
    name=st.sampled_from(sorted(path.name for path in scenarios_dir().glob("*.yaml"))),
    at=st.floats(0, 1),
    length=st.integers(0, 30),
    text=st.one_of(
        st.sampled_from([str(value) for value in HOSTILE]),
        st.sampled_from(["&a [*a]", "!!python/name:os.system", "? ", "- ", ": ", "{", "\t", "|"]),
        st.text(max_size=12),
    ),
)
@example(name="diamond.yaml", at=0.0, length=0, text="\ufeff")
def test_mutated_files(
    tmp_path_factory: pytest.TempPathFactory, name: str, at: float, length: int, text: str
) -> None:
    """A scenario file is read, or is one line of an error."""
    content = (scenarios_dir() / name).read_text(encoding="utf-8")
    start = round(at * len(content))
    path = tmp_path_factory.getbasetemp() / "mutated.yaml"
    changed = content[:start] + text + content[start + length :]
    path.write_bytes(changed.encode(errors="surrogatepass"))
    try:
        scenario.read(path)
    except FileError as error:
        line = str(error)
    else:
        return
    assert line.startswith(f"{path}")
    assert line.isprintable()


def test_the_fuzzed_bodies_are_valid(mock_world: MockWorld) -> None:
    """Before they are mutated; otherwise the fuzzer would see the first rule only."""
    run_id = mock_world.create("hang")
    for method, path, body in REQUESTS:
        valid = json.loads(json.dumps(body).replace(RUN_ID, run_id))
        response = send(mock_world, method, path.replace(RUN_ID, run_id), valid)
        # 409 and 404: the hanging run has no step that awaits a decision, and is gone at the end.
        assert response.status_code in (200, 201, 404, 409), (path, response.text)
