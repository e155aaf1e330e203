"""Prism, another project's validating proxy, between a client and the mock.

Prism holds every request and every answer that passes through it against the contract and names
what is wrong in the header ``sl-violations``. It reads an answer to its end before it passes it on
(``parseResponse`` in prism-http awaits ``response.text()``), so through Prism a stream is only
heard once the run is over; what it says of one is about the status, the content type and the body
as a whole. A live stream is for the other tests here.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx2
import node
import pytest
import yaml
from processes import MockServer, Server

from mock_server.resources import contract_file
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
UNKNOWN = "2b1f6a44-5d0e-4c1b-8f6a-9e0d1c2b3a49"
KEY = "test-prism"
LIE = {
    "get": {
        "security": [],
        "responses": {
            "200": {
                "description": "What the mock says of itself, wrongly described.",
                "content": {
                    "application/json": {
                        "schema": {"type": "object", "properties": {"status": {"type": "integer"}}}
                    }
                },
            }
        },
    }
}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(contract_file().read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(
    mock: MockServer, contract: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx2.Client]:
    """A client that reaches the mock through Prism, which knows the contract and one lie."""
    document = tmp_path_factory.mktemp("prism") / "openapi.json"
    paths = contract["paths"] | {"/_mock/health": LIE}
    document.write_text(json.dumps(contract | {"paths": paths}), encoding="utf-8")
    command = [node.tool("prism"), "proxy", document, mock.url, "--port", 0]
    with (
        Server(command, "is listening on") as prism,
        httpx2.Client(base_url=prism.url, verify=False) as client,
    ):
        yield client


def violations(answer: httpx2.Response) -> list[dict[str, Any]]:
    """What Prism holds against the answer. What it holds against a request is not the mock's."""
    found = json.loads(answer.headers.get("sl-violations", "[]"))
    return [each for each in found if each["location"][0] == "response"]


def session(world: MockWorld) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Requests that make every operation give every answer it declares: the operation's id, method,
    path, and what else is in the request."""
    finished, failed, running, pending = (
        world.create(name)
        for name in ("quick-success", "failure-in-the-middle", "hang", "long-queue")
    )
    world.advance(300)
    operations = {
        "listRuns": ("GET", ""),
        "getRun": ("GET", "/{}"),
        "getRunSteps": ("GET", "/{}/steps"),
        "streamRunEvents": ("GET", "/{}/events"),
        "cancelRun": ("POST", "/{}/cancel"),
        "retryRun": ("POST", "/{}/retry"),
    }
    runs = {"cancelRun": [running, pending], "retryRun": [failed], "listRuns": [""]}
    good = {"X-API-Key": KEY}
    for name, (method, path) in operations.items():
        for run_id in runs.get(name, [finished, failed]):
            yield name, method, path.format(run_id), {"headers": good}
        for credential in ({}, {"X-API-Key": "nobody"}, {"Authorization": "Bearer expired"}):
            yield name, method, path.format(finished), {"headers": credential}
        for key in ("forbidden", "limited"):
            yield name, method, path.format(finished), {"headers": {"X-API-Key": key}}
        if name != "listRuns":
            yield name, method, path.format(UNKNOWN), {"headers": good}
            yield name, method, path.format("no-id"), {"headers": good}
    page = "?status=running&limit=2&offset=1"
    for cookie_or_bearer in ({"Cookie": f"vai_token={KEY}"}, {"Authorization": f"Bearer {KEY}"}):
        yield "listRuns", "GET", page, {"headers": cookie_or_bearer}
    yield "listRuns", "GET", "?limit=1001&offset=-1&status=lost", {"headers": good}
    yield "cancelRun", "POST", f"/{finished}/cancel", {"headers": good}
    yield "retryRun", "POST", f"/{running}/retry", {"headers": good, "json": {}}
    for body in (
        {"mode": "full"},
        {"mode": "from_step", "stepKey": "lost"},
        {"mode": "from_step"},
        {"mode": "sideways"},
    ):
        yield "retryRun", "POST", f"/{finished}/retry", {"headers": good, "json": body}
    behind = {"Last-Event-ID": "4"}
    yield "streamRunEvents", "GET", f"/{running}/events", {"headers": good | behind}
    past = {"Last-Event-ID": "999"}
    yield "streamRunEvents", "GET", f"/{running}/events", {"headers": good | past}


def test_prism_finds_nothing_in_any_answer(
    mock: MockServer, proxy: httpx2.Client, contract: dict[str, Any]
) -> None:
    """Over a session that makes every operation give every status it declares."""
    declared = {
        (operation["operationId"], int(status))
        for item in contract["paths"].values()
        for key, operation in item.items()
        if key != "parameters"
        for status in operation["responses"]
    }
    seen = set()
    with closing(MockWorld(mock.url, KEY, scale=0, runs=20, live=0)) as world:
        for operation, method, path, more in session(world):
            answer = proxy.request(method, RUNS + path, **more)
            seen.add((operation, answer.status_code))
            assert violations(answer) == [], f"{method} {path}: {answer.status_code} {answer.text}"
    assert seen == declared


def test_prism_would_complain(proxy: httpx2.Client) -> None:
    """Where the document does not tell the truth about the mock, Prism says so."""
    (found,) = violations(proxy.get("/_mock/health"))
    assert found["location"] == ["response", "body", "status"]
