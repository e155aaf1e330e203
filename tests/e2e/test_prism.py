"""Prism, another project's validating proxy, between a client and the mock.

Prism holds every request and every answer that passes through it against the contract and names
what is wrong in the header ``sl-violations``. It reads an answer to its end before it passes it on
(``parseResponse`` in prism-http awaits ``response.text()``), so through Prism a stream is only
heard once the run is over; what it says of one is about the status, the content type and the body
as a whole. A live stream is for the other tests here.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from copy import deepcopy
from typing import Any

import httpx2
import node
import pytest
from plain_yaml import parse_yaml
from processes import MockServer, Server

from mock_server.resources import contract_file
from mock_server.testing import MockWorld

pytestmark = pytest.mark.extended

RUNS = "/api/v1/automation-runs"
UNKNOWN = "2b1f6a44-5d0e-4c1b-8f6a-9e0d1c2b3a49"
KEY = "test-prism"
Through = Callable[[dict[str, Any]], httpx2.Client]
LIE = {"required": ["lie"], "minLength": 1_000_000_000}
"""What no answer fulfils, be it an object or a text."""


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    document: dict[str, Any] = parse_yaml(contract_file().read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


@pytest.fixture(scope="module")
def through(mock: MockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Through]:
    """Makes a client that reaches the mock through a Prism with that document."""
    with ExitStack() as stack:

        def start(document: dict[str, Any]) -> httpx2.Client:
            file = tmp_path_factory.mktemp("prism") / "openapi.json"
            file.write_text(json.dumps(document), encoding="utf-8")
            command = [node.tool("prism"), "proxy", file, mock.url, "--port", 0]
            prism = stack.enter_context(Server(command, "is listening on"))
            return stack.enter_context(httpx2.Client(base_url=prism.url, verify=False))

        yield start


def without_null(schema: Any) -> Any:
    """The document as Prism reads it right: it adds null to the values of a nullable enum, and one
    that stands there already, as the standard asks, makes the schema unusable to it. Then Prism
    checks nothing and says nothing (stoplightio/prism issues 1931 and 2442)."""
    if isinstance(schema, list):
        return [without_null(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: without_null(each) for key, each in schema.items()}
    if plain.get("nullable") is True and "enum" in plain:
        plain["enum"] = [value for value in plain["enum"] if value is not None]
    return plain


def with_a_lie(document: dict[str, Any]) -> dict[str, Any]:
    """The document, but that every body in it must also be what none is."""
    lying = deepcopy(document)
    shared = lying["components"]["responses"]
    for operation in operations(lying):
        for status, response in operation["responses"].items():
            own = deepcopy(
                shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
            )
            for media_type in own.get("content", {}).values():
                media_type["schema"] = {"allOf": [media_type["schema"], LIE]}
            operation["responses"][status] = own
    return lying


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every operation of the document."""
    return [
        operation
        for item in document["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    ]


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
    targets = {
        "listRuns": ("GET", ""),
        "getRun": ("GET", "/{}"),
        "getRunSteps": ("GET", "/{}/steps"),
        "streamRunEvents": ("GET", "/{}/events"),
        "cancelRun": ("POST", "/{}/cancel"),
        "retryRun": ("POST", "/{}/retry"),
    }
    runs = {"cancelRun": [running, pending], "retryRun": [failed], "listRuns": [""]}
    good = {"X-API-Key": KEY}
    for name, (method, path) in targets.items():
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
    events = world.client.get(f"{RUNS}/{running}/events").text
    last = {"Last-Event-ID": re.findall(r"^id: (\d+)$", events, re.MULTILINE)[-1]}
    yield "streamRunEvents", "GET", f"/{running}/events", {"headers": good | last}


def test_prism_finds_nothing_in_any_answer(
    mock: MockServer, contract: dict[str, Any], through: Through
) -> None:
    """Over a session that makes every operation give every status it declares."""
    declared = {
        (operation["operationId"], int(status))
        for operation in operations(contract)
        for status in operation["responses"]
    }
    seen = set()
    with closing(MockWorld(mock.url, KEY, scale=0, runs=20, live=0)) as world:
        client = through(without_null(contract))
        for operation, method, path, more in session(world):
            answer = client.request(method, RUNS + path, **more)
            found = f"{method} {path}: {answer.status_code} {answer.text}"
            assert violations(answer) == [], found
            seen.add((operation, answer.status_code))
    assert seen == declared


def test_prism_looks_at_every_body(
    mock: MockServer, contract: dict[str, Any], through: Through
) -> None:
    """When the document asks of each body for something it cannot have, Prism complains of every
    answer with a body in the same session."""
    with closing(MockWorld(mock.url, KEY, scale=0, runs=20, live=0)) as world:
        client = through(with_a_lie(without_null(contract)))
        for _, method, path, more in session(world):
            answer = client.request(method, RUNS + path, **more)
            codes = {each.get("code") for each in violations(answer)}
            found = f"{method} {path}: {answer.status_code} {codes} {answer.text}"
            assert codes & {"required", "minLength"} or answer.status_code == 204, found
