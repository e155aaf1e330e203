"""Every answer of the mock is as its contract says: each operation, each status, each scenario."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from plain_yaml import parse_yaml

import mock_server
from mock_server.http.compiled_schema import plain_schema
from mock_server.resources import contract_file, scenarios_dir
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
DOCUMENT = parse_yaml(contract_file().read_text(encoding="utf-8"))


def validator(name: str) -> jsonschema_rs.Validator:
    """Holds values against a schema of the contract."""
    components = plain_schema({"schemas": DOCUMENT["components"]["schemas"]})
    schema = {"$ref": f"#/components/schemas/{name}", "components": components}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


SCENARIOS = sorted(path.stem for path in scenarios_dir().glob("*.yaml"))
RUN, PAGE, STEPS, EVENT = map(validator, ("Run", "RunPage", "RunSteps", "RunEvent"))


def check(world: MockWorld, run_id: str) -> None:
    """List, run, steps and events of a run are valid and agree."""
    run = world.run(run_id)
    RUN.validate(run)
    page = world.client.get(RUNS).json()
    PAGE.validate(page)
    assert run in page["items"]
    steps = world.client.get(f"{RUNS}/{run_id}/steps").json()
    STEPS.validate(steps)
    if run["status"] not in ("pending", "running"):
        text = world.client.get(f"{RUNS}/{run_id}/events").text
        data = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: ")]
        for event in data:
            EVENT.validate(event)
        assert data[-1]["data"]["run"] == run


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_run_is_valid_at_every_moment_of_its_life(mock_world: MockWorld, scenario: str) -> None:
    """Waiting, at work, finished, retried, cancelled."""
    run_id = mock_world.create(scenario)
    for seconds in (0, 1.2, 2, 3600):
        mock_world.advance(seconds)
        check(mock_world, run_id)
    mock_world.client.post(f"{RUNS}/{run_id}/retry", json={"mode": "full"})
    mock_world.advance(2)
    check(mock_world, run_id)
    mock_world.client.post(f"{RUNS}/{run_id}/cancel")
    check(mock_world, run_id)


def test_the_whole_demo_history_is_valid(mock_world: MockWorld) -> None:
    """Every run a fresh world opens with."""
    mock_world.client.post("/_mock/reset", json={"scale": 0})
    page: dict[str, Any] = mock_world.client.get(f"{RUNS}?limit=1000").json()
    PAGE.validate(page)
    for run in page["items"]:
        check(mock_world, run["id"])


def test_the_documents_are_served_as_they_are(mock_world: MockWorld) -> None:
    """The contract as YAML and JSON, but for the address of the server."""
    [server] = DOCUMENT["servers"]
    served = {**DOCUMENT, "servers": [{**server, "url": mock_world.base_url}]}
    assert mock_world.client.get("/openapi.json").json() == served
    text = mock_world.client.get("/openapi.yaml").text
    assert parse_yaml(text) == served
    url = f'- url: "{mock_world.base_url}"'
    assert text.replace(url, "- url: /") == contract_file().read_text(encoding="utf-8")


def test_the_start_page_says_what_this_is(mock_world: MockWorld) -> None:
    """Where things are, a curl to copy, and every scenario."""
    page = mock_world.client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert f"{mock_world.base_url}/api/v1/automation-runs" in page.text
    assert "curl -H 'X-API-Key: demo'" in page.text
    for name in SCENARIOS:
        assert f"<code>{name}</code>" in page.text


def test_the_vendored_files_are_what_they_were() -> None:
    """Every file of Swagger UI has the checksum that the file VERSION lists."""
    directory = Path(mock_server.__file__).parent / "static" / "swagger-ui"
    lines = (directory / "VERSION").read_text().splitlines()[2:]
    listed = dict(reversed(line.split("  ")) for line in lines)
    for path in directory.iterdir():
        if path.name != "VERSION":
            assert hashlib.sha256(path.read_bytes()).hexdigest() == listed.pop(path.name)
    assert not listed
