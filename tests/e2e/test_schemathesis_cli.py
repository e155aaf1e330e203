"""Schemathesis' own command against the mock: all checks, all phases, nothing found.

The configuration next to this file declares what is legitimate though a schema cannot say so. A run
that finds nothing proves nothing unless it went somewhere, so its own record of every request is
read afterwards: which operations gave which answers, and what the exceptions were used for.
"""

import json
import subprocess
import sysconfig
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from plain_yaml import parse_yaml
from processes import PATIENCE, MockServer

from mock_server.resources import control_file
from mock_server.testing import MockWorld

pytestmark = pytest.mark.extended

SCHEMATHESIS = Path(sysconfig.get_path("scripts"), "schemathesis")
CONFIGURATION = Path(__file__).parent / "schemathesis.toml"
RUNS = "/api/v1/automation-runs"
CLOCK = [f"POST /clock/{verb}" for verb in ("freeze", "resume", "scale", "advance")]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that Schemathesis sent, and the answer. ``meant_well`` where the request was to
    be what the document asks for."""

    phase: str
    operation: str
    meant_well: bool
    body: Any
    status: int


Exchanges = list[Exchange]


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Exchanges]]]:
    """What Schemathesis did to the contract and to the control API, side by side: each of the two
    is one process with a mock of its own, and waits for the other side half of the time."""
    with ThreadPoolExecutor() as pool:
        yield {
            path: pool.submit(exchanges_with, path, tmp_path_factory.mktemp("schemathesis"))
            for path in ("/openapi.json", "/_mock/openapi.yaml")
        }


def test_nothing_is_found_in_the_contract(sessions: dict[str, Future[Exchanges]]) -> None:
    """Every operation answers good requests and bad ones, and each answer is as declared."""
    exchanges = sessions["/openapi.json"].result()
    seen = {(one.operation, one.status) for one in exchanges}
    for path in ("", "/{run_id}", "/{run_id}/steps", "/{run_id}/events"):
        assert {(f"GET {RUNS}{path}", status) for status in (200, 401, 422)} <= seen
    for path in ("/{run_id}/cancel", "/{run_id}/retry"):
        assert {(f"POST {RUNS}{path}", status) for status in (200, 401, 404, 409, 422)} <= seen
    assert {one.phase for one in exchanges} == {"examples", "coverage", "fuzzing", "stateful"}
    assert len([one for one in exchanges if one.phase == "stateful"]) > 50

    refused = [one for one in exchanges if one.meant_well and one.status == 422]
    assert refused
    for one in refused:
        assert one.operation == f"POST {RUNS}/{{run_id}}/retry"
        assert one.body["mode"] == "from_step"
        assert one.body.get("stepKey") is None


def test_nothing_is_found_in_the_control_api(sessions: dict[str, Future[Exchanges]]) -> None:
    """No operation breaks, and no answer is undeclared, whatever worlds are named, reset, and moved
    through time; every operation was asked."""
    exchanges = sessions["/_mock/openapi.yaml"].result()
    control = parse_yaml(control_file().read_text(encoding="utf-8"))
    declared = {
        f"{method.upper()} {path}"
        for path, item in control["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert declared <= {one.operation for one in exchanges}
    seen = {(one.operation, one.status) for one in exchanges}
    assert {(f"GET /{path}", 200) for path in ("health", "scenarios", "worlds")} <= seen
    assert {("POST /runs", status) for status in (201, 404, 422)} <= seen
    for operation in ("GET /clock", "POST /reset", *CLOCK):
        assert {(operation, status) for status in (200, 404, 422)} <= seen


def exchanges_with(path: str, scratch: Path) -> Exchanges:
    """Let Schemathesis test the API whose document a fresh mock has at ``path``; it must find
    nothing, and the mock must not have stumbled."""
    record = scratch / "record.ndjson"
    asked = ["--checks", "all", "--report", "ndjson", "--report-ndjson-path", record, "--no-color"]
    with (
        MockServer("--clock", "frozen", "--now", "2026-03-02T08:15:00Z") as mock,
        closing(MockWorld(mock.url, "test-schemathesis", runs=20, scale=0)),
    ):
        done = subprocess.run(
            [SCHEMATHESIS, "--config-file", CONFIGURATION, "run", mock.url + path, *asked],
            cwd=scratch,
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in mock.errors()
    with record.open(encoding="utf-8") as lines:
        scenarios = (event.get("ScenarioFinished") for event in map(json.loads, lines))
        return [one for scenario in scenarios if scenario for one in _in(scenario)]


def _in(scenario: dict[str, Any]) -> Iterator[Exchange]:
    recorder = scenario["recorder"]
    for case_id, interaction in recorder.get("interactions", {}).items():
        case = recorder["cases"][case_id]["value"]
        yield Exchange(
            scenario["phase"],
            f"{case['method']} {case['path']}",
            case["meta"]["generation"]["mode"] == "positive",
            case.get("body"),
            interaction["response"]["status_code"],
        )
