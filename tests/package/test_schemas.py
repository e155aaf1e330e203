"""The JSON Schemas for editors: what the code that reads the files says, named in each shipped
file, which fits it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from plain_yaml import parse_yaml
from pydantic import ValidationError

from conformance.config.file_schema import config_schema
from conformance.config.options import OPTIONS
from conformance.config.template import template
from mock_server.engine.duration import parse_span
from mock_server.worlds.file_schemas import FILES, file_schema

TOP = Path(__file__).parents[2]
SCHEMAS = TOP / "fixtures" / "schemas"
FOLDERS = {
    "scenarios": "scenario",
    "behaviours": "behaviour",
    "worlds": "world",
    "faults": "preset",
}
SHIPPED = [
    (file, kind)
    for folder, kind in FOLDERS.items()
    for file in sorted((TOP / "fixtures" / folder).glob("*.yaml"))
]
BACKEND = TOP / "examples" / "flask_backend" / "conformance.toml"


def plain(value: Any) -> Any:
    """TOML as JSON: a date is a text."""
    match value:
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
        case date():
            return value.isoformat()
        case _:
            return value


def check(schema: Any, value: Any) -> None:
    """Validate the value."""
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(value)


def test_the_written_schemas_are_those_of_the_code() -> None:
    """`make contract` writes them."""
    computed = {kind: file_schema(kind) for kind in FILES} | {"conformance": config_schema()}
    written = {file.stem: json.loads(file.read_text("utf-8")) for file in SCHEMAS.iterdir()}
    assert written == computed
    for schema in computed.values():
        jsonschema_rs.meta.validate(schema)


@pytest.mark.parametrize(("file", "kind"), SHIPPED, ids=lambda each: getattr(each, "stem", each))
def test_each_shipped_file_names_its_schema_and_fits_it(file: Path, kind: str) -> None:
    """In its first line, by a path that is there."""
    text = file.read_text(encoding="utf-8")
    first, _, _ = text.partition("\n")
    assert first == f"# yaml-language-server: $schema=../schemas/{kind}.json"
    assert (file.parent / f"../schemas/{kind}.json").is_file()
    check(file_schema(kind), parse_yaml(text))


def test_the_configurations_fit_their_schema() -> None:
    """That of the example, and every key of the template with its example."""
    text = BACKEND.read_text(encoding="utf-8")
    named = text.partition("\n")[0].removeprefix("#:schema ")
    assert (BACKEND.parent / named).resolve() == SCHEMAS / "conformance.json"
    check(config_schema(), plain(tomllib.loads(text)))
    lines = [
        line.removeprefix("#") if line[:1] == "#" and line[1:2] not in (" ", "") else line
        for line in template().splitlines()
    ]
    every = plain(tomllib.loads("\n".join(lines)))
    check(config_schema(), every)
    places = {setting.place[0] for setting in OPTIONS if setting.in_file}
    assert places | {"waivers"} == set(every)


STEP: dict[str, Any] = {"key": "a"}
SCENARIO: dict[str, Any] = {"summary": "s", "automation": {"name": "n"}, "steps": [STEP]}


def with_step(**values: Any) -> dict[str, Any]:
    """A scenario whose step has these values."""
    return SCENARIO | {"steps": [STEP | values]}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("scenario", with_step(takes="5")),
        ("scenario", with_step(takes=5)),
        ("scenario", with_step(outcome="explodes")),
        ("scenario", with_step(outcome=[])),
        ("scenario", with_step(repeat=0)),
        ("scenario", with_step(after="b")),
        ("scenario", SCENARIO | {"waits": "1s.."}),
        ("scenario", {"summary": "s"}),
        ("behaviour", {"summary": "s", "answers": {"Q01": "maybe"}}),
        ("behaviour", {"summary": "s", "answers": {"Q99": "same_run"}}),
        ("world", {"summary": "s", "history": {"over": "1"}}),
        ("world", {"summary": "s", "live": [{"scenario": "x", "id": "y"}]}),
        ("preset", {"summary": "s", "rules": []}),
        ("preset", {"summary": "s", "rules": [{"status": {"code": "500"}}]}),
        ("preset", {"summary": "s", "rules": [{"latency": {"takes": "soon"}}]}),
    ],
)
def test_the_schema_rejects_what_the_model_rejects(kind: str, value: Any) -> None:
    """An editor marks it as the mock would."""
    with pytest.raises(ValidationError):
        FILES[kind].model_validate(value)
    assert not jsonschema_rs.is_valid(file_schema(kind), value)


@pytest.mark.parametrize("text", ["250ms", " 1.5m ", "1s..3s", "1s .. 2 h", "0ms"])
def test_the_schema_accepts_what_the_model_accepts(text: str) -> None:
    """However a duration is written."""
    parse_span(text)
    check(file_schema("scenario"), with_step(takes=text, outcome=["fails", "succeeds"]))


@pytest.mark.parametrize(
    "text",
    [
        'budget = "soon"',
        "workers = 0",
        'provision = "magic"',
        "read_only = 1",
        'tokens = "x"',
        '[states]\nsleeping = "x"',
        '[[waivers]]\nrequirements = ["X"]\nreason = "r"\nowner = "o"',
    ],
)
def test_a_wrong_configuration_is_marked(text: str) -> None:
    """Unknown keys, and values that the kit rejects."""
    assert not jsonschema_rs.is_valid(config_schema(), plain(tomllib.loads(text)))


@pytest.mark.parametrize(
    ("module", "kind", "beginning"),
    [("mock_server", "world", '{\n  "$schema"'), ("conformance", "failure", '{\n  "$schema"')],
)
def test_the_commands_print_a_schema(module: str, kind: str, beginning: str) -> None:
    """An unknown kind is an error that names the known ones."""
    command = [sys.executable, "-m", module, "schema"]
    done = subprocess.run([*command, kind], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(beginning)
    wrong = subprocess.run([*command, "worlt"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "expected" in wrong.stdout + wrong.stderr
