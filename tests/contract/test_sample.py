"""Samples of the contract's schemas are the bodies that the reference page prints."""

import json
from typing import Any

import pytest
from sample import sample

from conformance.contract.contract import Contract
from conformance.contract.pointer import resolve

OPERATIONS = [
    "List All Runs",
    "Get Run",
    "Cancel Run",
    "Stream Run Events",
    "Retry Run",
    "Get Run Steps",
]


@pytest.mark.parametrize("title", OPERATIONS)
@pytest.mark.parametrize(("means", "code"), [("success", "200"), ("validation error", "422")])
def test_a_sample_is_the_reference_to_the_letter(
    contract: Contract, reference: dict[str, Any], title: str, means: str, code: str
) -> None:
    """Rendered with the same indent, the two texts are equal: values, keys and their order."""
    (said,) = (each for each in reference["operations"] if each["title"] == title)
    (body,) = (each for each in said["responses"] if each["means"] == means)
    operation = contract.full["paths"][said["path"]][said["method"].lower()]
    response = resolve(contract.full, operation["responses"][code])
    ours = sample(response["content"][body["media"]]["schema"], contract.full)
    assert json.dumps(ours, indent=2) == json.dumps(body["sample"], indent=2)


def test_the_reference_has_six_operations(reference: dict[str, Any]) -> None:
    """And the samples of all of them are compared."""
    assert [said["title"] for said in reference["operations"]] == OPERATIONS


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, None),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"type": "string", "format": "date-time"}, "2019-08-24T14:15:22Z"),
        ({"type": "string", "format": "uuid"}, "497f6eca-6276-4993-bfeb-53cbbbba6f08"),
        ({"type": "string", "format": "email"}, "string"),
        ({"type": "integer", "minimum": 3, "default": 7}, 0),
        ({"type": "number"}, 0),
        ({"type": "boolean"}, False),
        ({"type": "object"}, {}),
        ({"type": "array", "items": {"type": "string"}}, ["string"]),
        ({"type": "array"}, [None]),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        ({"oneOf": [{"type": "boolean"}, {"type": "string"}]}, False),
        ({"$ref": "#/components/schemas/Here"}, "string"),
    ],
)
def test_each_kind_of_schema_has_its_sample(schema: dict[str, Any], expected: object) -> None:
    """What the schema leaves open is filled with one fixed value for each type."""
    document = {"components": {"schemas": {"Here": {"type": "string"}}}}
    assert sample(schema, document) == expected


def test_keys_are_in_alphabetical_order() -> None:
    """Whatever the order in which the contract names them."""
    properties = {"b": {"type": "string"}, "a": {"type": "string"}}
    assert list(sample({"type": "object", "properties": properties}, {})) == ["a", "b"]
