"""Every body has named examples, and each of them is what its schema describes."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate
from plain_yaml import parse_yaml

from conformance.contract.contract import Contract, load
from conformance.contract.pointer import resolve
from mock_server.resources import control_file

Json = Any
METHODS = ("get", "post")


def with_null(node: Json) -> Json:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(node, list):
        return [with_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: with_null(value) for key, value in node.items()}
    if schema.pop("nullable", False) is True:
        schema["type"] = [schema["type"], "null"]
    return schema


def faults(document: Json, schema: Json, value: Json) -> list[str]:
    """What is wrong with the value: the message and where, one line each."""
    whole = {**with_null(schema), "components": with_null(document["components"])}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [f"{fault.instance_path}: {fault.message}" for fault in validator.iter_errors(value)]


def bodies(contract: Contract) -> Iterator[tuple[str, str, Json]]:
    """Every body: operation and status (or `request`), media type, media type object."""
    for item in contract.full["paths"].values():
        for operation in (item[method] for method in METHODS if method in item):
            name = operation["operationId"]
            if "requestBody" in operation:
                for media, content in operation["requestBody"]["content"].items():
                    yield f"{name} request", media, content
            for code, response in operation["responses"].items():
                content = resolve(contract.full, response).get("content", {})
                for media in content:
                    yield f"{name} {code}", media, content[media]


BODIES = list(bodies(load()))
IDS = [f"{where} {media}" for where, media, _ in BODIES]


@pytest.mark.parametrize(("where", "media", "body"), BODIES, ids=IDS)
def test_a_body_has_examples_and_they_are_valid(
    contract: Contract, where: str, media: str, body: Json
) -> None:
    """One name or more for each; the stream's untyped JSON, which says nothing, has none."""
    if body["schema"] == {}:
        assert (where, media) == ("streamRunEvents 200", "application/json")
        return
    assert body["examples"]
    for name, example in body["examples"].items():
        shown = resolve(contract.full, example)
        assert shown["summary"], name
        assert faults(contract.full, body["schema"], shown["value"]) == [], name


def test_every_operation_and_status_is_among_them() -> None:
    """What the platform answers everywhere, what a run adds to it, and what changing it adds."""
    everywhere = {"200", "401", "403", "422", "429"}
    expected = {
        "listRuns": everywhere,
        "getRun": everywhere | {"404"},
        "cancelRun": everywhere | {"404", "409"},
        "streamRunEvents": everywhere | {"404"},
        "retryRun": everywhere | {"404", "409", "request"},
        "getRunSteps": everywhere | {"404"},
    }
    assert {where for where, _, _ in BODIES} == {
        f"{name} {status}" for name, statuses in expected.items() for status in statuses
    }


def test_the_checker_finds_what_is_wrong(contract: Contract) -> None:
    """An example with a wrong type, status or date would not pass as valid."""
    run = contract.full["components"]["schemas"]["Run"]
    good = contract.full["components"]["examples"]["RunCompleted"]["value"]
    assert faults(contract.full, run, good) == []
    for wrong in ({"versionNumber": "7"}, {"status": "done"}, {"createdAt": None}):
        assert len(faults(contract.full, run, good | wrong)) == 1
    assert len(faults(contract.full, run, good | {"updatedAt": "yesterday"})) == 1


@pytest.mark.parametrize("kind", ["parameters", "headers"])
def test_the_examples_of_parameters_and_headers_are_valid(contract: Contract, kind: str) -> None:
    """Where one is given, it is what the schema describes."""
    for name, each in contract.full["components"][kind].items():
        if "example" in each:
            assert faults(contract.full, each["schema"], each["example"]) == [], name


def test_the_example_of_a_stream_is_a_stream_of_valid_events(contract: Contract) -> None:
    """Frames of `id`, `event` and `data`, numbered from 1, named alike in frame and data."""
    schemas = contract.full["components"]["schemas"]
    text = contract.full["components"]["examples"]["EventStreamCompleted"]["value"]
    assert text.endswith("\n\n")
    frames = [
        dict(line.split(": ", 1) for line in frame.splitlines())
        for frame in text.removesuffix("\n\n").split("\n\n")
    ]
    assert [frame["id"] for frame in frames] == ["1", "2", "3", "4", "5"]
    for frame in frames:
        event = json.loads(frame["data"])
        assert faults(contract.full, schemas["EventFrame"], frame) == []
        assert faults(contract.full, schemas["RunEvent"], event) == []
        assert event["event"] == frame["event"]
    assert frames[-1]["event"] == "run.completed"


def test_the_control_api_is_described_by_a_valid_document() -> None:
    """What the mock offers around the contract is OpenAPI too."""
    validate(parse_yaml(control_file().read_text(encoding="utf-8")))
