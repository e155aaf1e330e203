"""The tools of `runs-conformance mcp`, called by the SDK's client: requirements, runs, reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agent import PATIENCE, Agent, check_schemas, serving

from mock_server.testing import MockWorld

SECRET = "test-mcp-kit-4c1d9f7e"
"""The credential in the environment of the server: the world that it opens."""


@pytest.fixture(scope="module")
def broken_world(mock_server_url: str) -> Iterator[MockWorld]:
    """A world whose pages lack the total, so that a requirement fails."""
    with MockWorld(mock_server_url, SECRET, runs=5, live=0) as world:
        world.control("faults", altered={"absent": "total"}, operations=["listRuns"])
        yield world


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with reports that the user offers."""
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def kit(broken_world: MockWorld, reports: Path) -> Iterator[Agent]:
    """An agent of the kit, which is configured for that world."""
    words = ("mcp", "--base-url", broken_world.base_url, "--reports", str(reports))
    variables = {"RUNS_CONFORMANCE_TOKEN": SECRET}
    with Agent.over_stdio("runs-conformance", *words, variables=variables) as agent:
        yield agent


@pytest.fixture(scope="module")
def run(kit: Agent) -> tuple[dict[str, Any], list[str]]:
    """A run of two requirements, and the progress that was notified meanwhile."""
    messages: list[str] = []

    async def note(done: float, total: float | None, message: str | None) -> None:
        messages.append(f"{done:g}/{total:g} {message}")

    return kit.result("run_checks", {"include": ["LIST-01", "LIST-06"]}, note), messages


def test_the_tools_describe_themselves(kit: Agent) -> None:
    """An agent learns from them alone how to begin, and what each expects and returns."""
    check_schemas(kit.tools)
    reading = {name for name, tool in kit.tools.items() if tool.annotations.read_only_hint}
    assert kit.tools.keys() - reading == {"run_checks"}


def test_requirements_are_listed_and_explained(kit: Agent) -> None:
    """By pattern and words, page by page; open questions too."""
    page = kit.call("list_requirements")
    assert len(page["items"]) == 10 < page["total"]
    rest = kit.call("list_requirements", pattern="list-*", offset=1, limit=1)
    assert rest["items"][0]["id"] == "LIST-02"
    assert kit.call("list_requirements", search="pending cancelled")["total"] >= 1
    found = kit.call("explain_requirement", id="cancel-05")
    assert (found["level"], found["failure"]) == ("derived", "violation")
    assert found["question"].startswith("Q02")
    assert "conflict" in found["answers"]
    assert kit.call("explain_requirement", id="Q02")["observedBy"] == ["CANCEL-05"]


def test_a_run_returns_its_findings_first(
    kit: Agent, run: tuple[dict[str, Any], list[str]]
) -> None:
    """With progress meanwhile; the report has the evidence, and the credential nowhere."""
    found, messages = run
    assert found["conclusion"] == "not conformant"
    assert found["counts"] == {"violation": 1, "pass": 1}
    assert [each["id"] for each in found["findings"]] == ["LIST-01"]
    assert messages[0] == "0/2 2 checks"
    assert {message.split()[1] for message in messages[1:]} == {"LIST-01", "LIST-06"}
    assert kit.call("read_report") == found
    passed = kit.call("read_report", report=found["report"], verdict="pass", limit=1)
    assert [each["id"] for each in passed["findings"]] == ["LIST-06"]
    evidence = kit.call("read_finding", id="list-01")
    assert evidence["exchange"]["status"] == 200
    assert "total" in evidence["message"]
    assert "curl" in evidence["curl"]
    assert SECRET not in json.dumps([found, passed, evidence, messages])
    assert len(json.dumps(found)) < 2_000


@pytest.mark.extended
def test_cancelling_ends_a_run(kit: Agent) -> None:
    """And the next call is responded to; the cancelled run has no report."""
    kit.cancel("run_checks", include=["LIFE-*"])
    failure = kit.failure("read_report", report="run-99")
    assert "run-2" not in failure


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("list_requirements", {"pattern": "NOPE-*"}, "pattern: expected a pattern"),
        ("list_requirements", {"pattern": "x" * 10_000}, "pattern: expected"),
        ("list_requirements", {"limit": 0}, "limit: expected"),
        ("explain_requirement", {"id": "NOPE-1"}, "id: expected a requirement"),
        ("explain_requirement", {"id": "a\x00\x1b[2J"}, "id: expected a requirement"),
        ("run_checks", {"include": ["NOPE-*"]}, "include: expected a pattern"),
        ("run_checks", {"include": "LIST-*"}, "include: expected"),
        ("run_checks", {"include": ["x"] * 51}, "include: expected"),
        ("run_checks", {"budgetSeconds": 10**9}, "budgetSeconds: expected"),
        ("run_checks", {"baseUrl": "http://evil.example", "token": "x"}, "baseUrl: expected one"),
        ("run_checks", {"baseUrl": "file:///etc/passwd", "token": "x"}, "baseUrl: expected one"),
        ("run_checks", {"baseUrl": "http://127.0.0.1:1"}, "token: expected a credential"),
        ("run_checks", {"token": "open sesame"}, "token: expected"),
        ("run_checks", {"command": "touch /tmp/x"}, "argument: expected one of baseUrl"),
        ("run_checks", {"json": "/tmp/x"}, "argument: expected one of baseUrl"),
        ("run_checks", {"config": "/etc/passwd"}, "argument: expected one of baseUrl"),
        ("read_report", {"report": "../../etc/passwd"}, "report: expected the name of a report"),
        ("read_report", {"report": "/etc/passwd"}, "report: expected the name of a report"),
        ("read_report", {"report": "missing.json"}, "report: expected the name of a report"),
        ("read_report", {"verdict": "bad"}, "verdict: expected"),
        ("read_finding", {"report": "x\x00.json", "id": "LIST-01"}, "report: expected the name"),
    ],
)
def test_an_error_says_what_to_do(
    kit: Agent, tool: str, arguments: dict[str, Any], expected: str
) -> None:
    """It names the argument and what is accepted, on one short line."""
    failure = kit.failure(tool, **arguments)
    assert failure.startswith(expected)
    assert failure.isprintable()
    assert len(failure) < 1_000
    assert "sesame" not in failure


def test_reports_of_the_user_are_read(kit: Agent, reports: Path) -> None:
    """By name, if they are reports."""
    small = Path(__file__).parent / "small_reports.py"
    (reports / "other.json").write_text('{"a": 1}', encoding="utf-8")
    (reports / "link.json").symlink_to(small)
    assert "expected a report of format" in kit.failure("read_report", report="other.json")
    failure = kit.failure("read_report", report="link.json")
    assert failure.startswith("report: expected the name of a report")
    assert "other.json" in failure


@pytest.mark.extended
def test_the_command_serves_http(mock_server_url: str) -> None:
    """It tests another API of this host with the credential that the agent names, but without the
    token of the server nothing."""
    words = ("runs-conformance", "mcp", "--http", "127.0.0.1:0")
    with serving(*words, RUNS_CONFORMANCE_MCP_TOKEN="opens") as url:
        with Agent.over_http(url, mode="auto", Authorization="Bearer opens") as agent:
            found = agent.call(
                "run_checks",
                baseUrl=mock_server_url,
                token="test-mcp-kit-http",
                include=["LIST-06"],
            )
            assert found["conclusion"] == "conformant"
            assert agent.call("read_report", report=found["report"]) == found
            assert "Pass the `report`" in agent.failure("read_report")
        headers = {"Authorization": "Bearer opens"}
        with Agent.over_http(url, **headers) as one, Agent.over_http(url, **headers) as two:
            failure = two.failure("read_report", report=found["report"])
            assert failure.startswith("report: expected the name of a report")
            mine = one.call(
                "run_checks", baseUrl=mock_server_url, token="test-mcp-kit", include=["LIST-06"]
            )
            assert one.call("read_report") == mine
            assert "Call run_checks first." in two.failure("read_report")
        assert httpx2.post(url, json={}, timeout=PATIENCE).status_code == 401
