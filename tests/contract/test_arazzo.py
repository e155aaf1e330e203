"""The workflows refer to what the contract has, and run against the mock."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from plain_yaml import parse_yaml

from conformance.contract.contract import Contract
from conformance.contract.pointer import resolve
from conformance.resources import contract_file
from mock_server.testing import MockWorld, serving

FILE = contract_file().parent / "arazzo.yaml"
WORKFLOWS: list[dict[str, Any]] = parse_yaml(FILE.read_text(encoding="utf-8"))["workflows"]
STEPS = [(workflow, step) for workflow in WORKFLOWS for step in workflow["steps"]]
IDS = [f"{workflow['workflowId']}-{step['stepId']}" for workflow, step in STEPS]

NodeTool = Callable[..., CompletedProcess[str]]


def operations(contract: Contract) -> dict[str, tuple[dict[str, Any], set[tuple[str, str]]]]:
    """Each operation by its id, with the places and names of its parameters."""
    found = {}
    for item in contract.full["paths"].values():
        for method in ("get", "post"):
            if method in item:
                listed = [*item.get("parameters", []), *item[method].get("parameters", [])]
                known = (resolve(contract.full, each) for each in listed)
                names = {(each["in"], each["name"]) for each in known}
                found[item[method]["operationId"]] = (item[method], names)
    return found


@pytest.mark.parametrize(("workflow", "step"), STEPS, ids=IDS)
def test_a_step_uses_what_the_contract_has(
    contract: Contract, workflow: dict[str, Any], step: dict[str, Any]
) -> None:
    """Its operation, its parameters and every status code it expects."""
    operation, known = operations(contract)[step["operationId"]]
    given = [*workflow["parameters"], *step.get("parameters", [])]
    credentials = {
        (each["in"], each["name"])
        for each in contract.full["components"]["securitySchemes"].values()
        if "name" in each
    }
    assert {(each["in"], each["name"]) for each in given} <= known | credentials
    for criterion in step["successCriteria"]:
        if criterion["condition"].startswith("$statusCode"):
            assert criterion["condition"].rpartition(" ")[2] in operation["responses"]


def test_the_workflows_are_those_of_a_client() -> None:
    """Watch, cancel, retry from a step, resume a stream."""
    names = [workflow["workflowId"] for workflow in WORKFLOWS]
    assert names == ["watchRun", "cancelAndConfirm", "retryFromStep", "resumeStream"]


@pytest.fixture(scope="module")
def world() -> Iterator[MockWorld]:
    """A world whose clock is sixty times as fast."""
    with serving() as base_url, MockWorld(base_url, "test-arazzo", scale=60, runs=0) as opened:
        yield opened


@pytest.mark.extended
def test_the_document_is_valid(node_tool: NodeTool) -> None:
    """Redocly's rules for Arazzo find nothing."""
    found = json.loads(node_tool("redocly", "lint", FILE, "--format", "json").stdout)
    assert found["problems"] == []


@pytest.mark.extended
@pytest.mark.parametrize(
    ("workflow", "scenario", "advance", "inputs"),
    [
        ("watchRun", "quick-success", "0s", {}),
        ("cancelAndConfirm", "hang", "30s", {}),
        ("retryFromStep", "failure-in-the-middle", "1h", {"stepKey": "load"}),
        ("resumeStream", "quick-success", "1h", {"lastEventId": "3", "finalEventId": "9"}),
    ],
)
def test_a_workflow_runs_against_the_mock(
    node_tool: NodeTool,
    world: MockWorld,
    tmp_path: Path,
    workflow: str,
    scenario: str,
    advance: str,
    inputs: dict[str, str],
) -> None:
    """Every step of it passes, run by Redocly's runner; that it would complain is tested too."""
    run_id = world.create(scenario)
    world.advance(advance)
    report = tmp_path / "report.json"
    given = json.dumps({"apiKey": world.key, "runId": run_id, **inputs})
    done = node_tool(
        "redocly", "respect", FILE, "--workflow", workflow, "--input", given,
        "--server", f"runs={world.base_url}", "--json-output", report,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    (found,) = json.loads(report.read_text(encoding="utf-8"))["files"].values()
    assert found["totalRequests"] >= len([1 for each, _ in STEPS if each["workflowId"] == workflow])


@pytest.mark.extended
def test_a_workflow_fails_where_the_service_behaves_otherwise(
    node_tool: NodeTool, world: MockWorld, tmp_path: Path
) -> None:
    """A run that completed cannot be cancelled."""
    run_id = world.create("quick-success")
    world.advance("1h")
    given = json.dumps({"apiKey": world.key, "runId": run_id})
    done = node_tool(
        "redocly", "respect", FILE, "--workflow", "cancelAndConfirm", "--input", given,
        "--server", f"runs={world.base_url}", "--max-steps", "1",
    )  # fmt: skip
    assert done.returncode == 1
