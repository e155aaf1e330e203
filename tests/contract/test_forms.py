"""The contract's computed forms: committed, valid, and equal in meaning to their source."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from conformance.contract.contract import Contract, load
from conformance.contract.evidence import read_marks
from conformance.contract.forms import (
    Version,
    View,
    as_text,
    committed_forms,
    file_name,
    form,
    map_schemas,
    modern_schema,
    write_forms,
)
from conformance.contract.pointer import look_up, resolve
from conformance.resources import forms_dir

TOOLS = Path(__file__).parent / "tools"
FORMS = committed_forms()
IDS = [f"{version}-{view}" for version, view in FORMS]
STREAM = ("paths", "/api/v1/automation-runs/{run_id}/events", "get", "responses", "200", "content")

NodeTool = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize(("version", "view"), FORMS, ids=IDS)
def test_a_committed_form_is_the_computed_one(
    contract: Contract, version: Version, view: View
) -> None:
    """Run `runs-conformance contract forms --write fixtures/contract` after changing the source."""
    committed = (forms_dir() / file_name(version, view)).read_text(encoding="utf-8")
    assert committed == as_text(form(contract, version, view))


def test_no_other_file_is_committed() -> None:
    """A form that is not a longer computed does not stay."""
    assert {file.name for file in forms_dir().iterdir()} == {file_name(*each) for each in FORMS}


def test_forms_are_written_where_asked(contract: Contract, tmp_path: Path) -> None:
    """The directory is created, and each file holds a document of its version."""
    files = write_forms(contract, tmp_path / "new" / "forms")
    versions = [json.loads(file.read_text(encoding="utf-8"))["openapi"] for file in files]
    assert versions == ["3.0.3", "3.1.1", "3.1.1", "3.2.0", "3.2.0"]


@pytest.mark.parametrize(("version", "view"), FORMS, ids=IDS)
def test_a_form_is_valid(contract: Contract, version: Version, view: View) -> None:
    """The published meta-schema of its OpenAPI version accepts it."""
    document = form(contract, version, view)
    assert document["openapi"] == version.exact
    validate(document)


def test_nullable_becomes_a_type(contract: Contract) -> None:
    """No schema of a later form uses a keyword that JSON Schema 2020-12 does not have."""
    for version in (Version.V3_1, Version.V3_2):
        for view in View:
            text = as_text(form(contract, version, view))
            assert '"nullable"' not in text
            assert '"x-content-schema"' not in text
    run = form(contract, Version.V3_1, View.FULL)["components"]["schemas"]["Run"]["properties"]
    assert run["completedAt"]["type"] == ["string", "null"]
    assert run["createdAt"]["type"] == "string"
    assert None in run["triggerSourceType"]["enum"]


def test_a_property_that_is_named_like_a_keyword_stays() -> None:
    """Below `properties` a key is a name; payloads are data."""
    schema = {
        "properties": {"nullable": {"type": "string"}, "example": {"type": "string", "example": 1}},
        "default": {"nullable": True},
    }
    (mapped,) = map_schemas([{"schema": schema}], modern_schema)
    assert mapped["schema"] == {
        "properties": {
            "nullable": {"type": "string"},
            "example": {"type": "string", "examples": [1]},
        },
        "default": {"nullable": True},
    }


@pytest.mark.parametrize(
    ("schema", "modern"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"nullable": True}, {}),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"maximum": 1, "exclusiveMaximum": False}, {"maximum": 1}),
        (
            {"maximum": 9, "exclusiveMaximum": True, "minimum": 1},
            {"exclusiveMaximum": 9, "minimum": 1},
        ),
        ({"exclusiveMaximum": True}, {}),
        ({"$ref": "#/a", "description": "ignored"}, {"$ref": "#/a"}),
        ({"example": {"a": 1}}, {"examples": [{"a": 1}]}),
        (
            {"type": "string", "x-content-schema": {"type": "object"}},
            {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {"type": "object"},
            },
        ),
    ],
)
def test_keywords_of_3_0_are_translated(schema: dict[str, Any], modern: dict[str, Any]) -> None:
    """Each keeps its meaning."""
    assert modern_schema(schema) == modern


def bodies(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every schema of a JSON body with each of its examples."""
    for item in document["paths"].values():
        for method in ("get", "post"):
            operation = item.get(method, {})
            holders = [operation.get("requestBody", {}), *operation.get("responses", {}).values()]
            for holder in holders:
                content = resolve(document, holder).get("content", {})
                body = content.get("application/json", {})
                for example in body.get("examples", {}).values():
                    yield body["schema"], resolve(document, example)["value"]


@pytest.mark.parametrize("version", [Version.V3_1, Version.V3_2])
@pytest.mark.parametrize("view", View)
def test_examples_are_valid(contract: Contract, version: Version, view: View) -> None:
    """A plain JSON Schema 2020-12 validator accepts every example of a later form."""
    document = form(contract, version, view)
    components = {"components": {"schemas": document["components"]["schemas"]}}
    checked = 0
    for schema, value in bodies(document):
        validator = jsonschema_rs.Draft202012Validator(schema | components, validate_formats=True)
        assert list(validator.iter_errors(value)) == []
        checked += 1
    assert checked > 10


def test_marks_of_a_later_form_still_point_at_something(contract: Contract) -> None:
    """Every claim stays traceable: what `nullable` was marked for is the `null` in `type`."""
    document = form(contract, Version.V3_2, View.FULL)
    marks = read_marks(document, "openapi-3.2-full.json")
    assert {mark.because for mark in marks} >= {
        mark.because for mark in contract.marks if "EventStream" not in mark.pointer
    }
    covered = {place for mark in marks for place in mark.covers}
    run = ("components", "schemas", "Run", "properties", "completedAt", "type")
    assert (*run, 1) in covered
    assert run not in covered


def test_a_stream_is_described_event_by_event_in_3_2(contract: Contract) -> None:
    """`itemSchema` is one event; the text of its data is JSON with a schema of its own."""
    stream = look_up(form(contract, Version.V3_2, View.FULL), STREAM)["text/event-stream"]
    assert stream["itemSchema"] == {"$ref": "#/components/schemas/EventFrame"}
    assert "schema" not in stream
    frame = form(contract, Version.V3_2, View.FULL)["components"]["schemas"]["EventFrame"]
    assert frame["properties"]["data"]["contentSchema"] == {"$ref": "#/components/schemas/RunEvent"}
    older = look_up(form(contract, Version.V3_1, View.FULL), STREAM)["text/event-stream"]
    assert older["schema"] == {"$ref": "#/components/schemas/EventStream"}
    assert look_up(form(contract, Version.V3_2, View.DOCUMENTED), STREAM)["text/event-stream"] == {}


def test_a_form_leaves_its_source_as_it_was(contract: Contract) -> None:
    """Computing a form changes neither the contract nor the next form."""
    before = as_text(contract.full)
    first = [as_text(form(contract, *each)) for each in FORMS]
    assert [as_text(form(contract, *each)) for each in FORMS] == first
    assert as_text(contract.full) == before


@pytest.mark.extended
@pytest.mark.parametrize(("version", "view"), FORMS, ids=IDS)
def test_linters_find_nothing(node_tool: NodeTool, version: Version, view: View) -> None:
    """Redocly and Spectral accept every form under their recommended rules."""
    file = forms_dir() / file_name(version, view)
    redocly = node_tool(
        "redocly", "lint", file, "--config", TOOLS / "redocly.yaml", "--format", "json"
    )
    assert json.loads(redocly.stdout)["problems"] == []
    spectral = node_tool(
        "spectral",
        "lint",
        file,
        "--ruleset",
        TOOLS / "spectral.yaml",
        "--format",
        "json",
        "--quiet",
    )
    assert json.loads(spectral.stdout) == []


@pytest.mark.extended
@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("view", View)
def test_types_are_generated_from_every_form(
    node_tool: NodeTool, tmp_path: Path, version: Version, view: View
) -> None:
    """A frontend compiles against them with all of TypeScript's strictness."""
    source = tmp_path / "contract.json"
    source.write_text(as_text(form(load(), version, view)), encoding="utf-8")
    frontend = {View.FULL: "frontend.ts", View.DOCUMENTED: "documented.ts"}[view]
    shutil.copy(TOOLS / frontend, tmp_path)
    config = json.loads((TOOLS / "tsconfig.json").read_text(encoding="utf-8"))
    config["files"] = [frontend, "contract.d.ts"]
    (tmp_path / "tsconfig.json").write_text(json.dumps(config), encoding="utf-8")
    types = ("--output", tmp_path / "contract.d.ts", "--default-non-nullable", "false")
    made = node_tool("openapi-typescript", source, *types)
    assert made.returncode == 0, made.stderr
    compiled = node_tool("tsc", "--project", tmp_path)
    assert compiled.stdout == ""
