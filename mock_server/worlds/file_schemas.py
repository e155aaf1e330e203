"""The JSON Schemas of the files that people write, for editors: what the models that read them say.

A file that fits may still be rejected: that steps form no circle, for example, no schema says.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jsonschema_rs
from pydantic import BaseModel

from mock_server.engine.behaviour import BehaviourFile, questions
from mock_server.engine.run_state import Json
from mock_server.engine.scenario import ScenarioFile
from mock_server.faults.rules import Preset
from mock_server.worlds.seed_data import WorldFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"

FILES: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "scenario": ScenarioFile,
        "behaviour": BehaviourFile,
        "world": WorldFile,
        "preset": Preset,
    }
)
"""The model of each kind of file."""

_LEFT_OUT = ("title", "x-component")


def file_schema(kind: str) -> Json:
    """Return the schema of a kind of file, which is one of ``FILES``."""
    schema = _cleaned(FILES[kind].model_json_schema())
    if kind == "behaviour":
        _explain_answers(schema["$defs"]["Answers"]["properties"], schema["$defs"])
    title = f"A {kind} of the mock of the Automation runs API"
    return {"$schema": DIALECT, "title": title, **_without_wrong_defaults(schema, schema["$defs"])}


def as_text(schema: Json) -> str:
    """Return a schema as the text of a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _cleaned(node: Any) -> Any:
    """Return a schema without what only its model needs; descriptions on one line."""
    if isinstance(node, list):
        return [_cleaned(one) for one in node]
    if not isinstance(node, dict):
        return node
    cleaned: Json = {}
    for key, value in node.items():
        if key in ("properties", "$defs"):
            # Here the keys are names.
            cleaned[key] = {name: _cleaned(inner) for name, inner in value.items()}
        elif key == "description":
            cleaned[key] = " ".join(value.split())
        elif key not in _LEFT_OUT:
            cleaned[key] = _cleaned(value)
    return cleaned


def _without_wrong_defaults(node: Any, definitions: Json) -> Any:
    """Leave out each default that is a value of the model and not of the file."""
    if isinstance(node, list):
        return [_without_wrong_defaults(one, definitions) for one in node]
    if not isinstance(node, dict):
        return node
    # Below these, the keys are names: `default` may be one of them.
    kept = {
        key: {name: _without_wrong_defaults(inner, definitions) for name, inner in value.items()}
        if key in ("properties", "$defs")
        else _without_wrong_defaults(value, definitions)
        for key, value in node.items()
    }
    if "default" in kept:
        rest = {key: value for key, value in kept.items() if key != "default"}
        if not jsonschema_rs.is_valid(rest | {"$defs": definitions}, kept["default"]):
            return rest
    return kept


def _explain_answers(properties: Json, definitions: Json) -> None:
    """Describe each question and its answers."""
    for number, question in questions().items():
        known = "; ".join(f"{answer}: {meaning}" for answer, meaning in question.answers.items())
        properties[number]["description"] = f"{question.question} {known}"
