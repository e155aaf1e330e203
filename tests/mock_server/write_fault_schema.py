"""Derive the schema of a fault rule from the classes of the faults, and write it to control.yaml.

Run this file after a change to a kind of fault; a test compares the schema with the document.
"""

import re
from typing import Any

import yaml

from mock_server.faults.rules import Rule
from mock_server.resources import control_file

Json = dict[str, Any]


def rule_schema() -> Json:
    """Return the schema of a rule as an OpenAPI 3.0 schema object."""
    document = Rule.model_json_schema()
    definitions = document.pop("$defs")
    return _converted(document, definitions)


def _converted(schema: Json, definitions: Json) -> Json:
    """Return an OpenAPI 3.0 schema: without null types, titles and references to definitions."""
    branches = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if branches:
        schema = {**branches[0], **{key: schema[key] for key in schema if key != "anyOf"}}
    if "$ref" in schema:
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **schema}
    if "x-component" in schema:
        return {"$ref": f"#/components/schemas/{schema['x-component']}"}
    converted = {name: schema[key] for name, key in _KEYS if key in schema}
    if "description" in converted:
        converted["description"] = " ".join(converted["description"].split())
    if converted.get("default") in (None, []):
        converted.pop("default", None)
    if schema.get("properties"):
        converted["properties"] = {
            name: _converted(inner, definitions) for name, inner in schema["properties"].items()
        }
    if "items" in schema:
        converted["items"] = _converted(schema["items"], definitions)
    if "examples" in schema:
        converted["example"] = schema["examples"][0]
    return converted


# OpenAPI 3.0 has no numeric exclusive bounds; the model reports a value that equals one.
_KEYS = (
    *((key, key) for key in ("type", "enum", "minimum")),
    ("minimum", "exclusiveMinimum"),
    ("maximum", "maximum"),
    ("maximum", "exclusiveMaximum"),
    *((key, key) for key in ("maxLength", "maxItems", "default", "description")),
    ("additionalProperties", "additionalProperties"),
)


def updated(document: str) -> str:
    """Return the text of the control API's document with the schema in its place."""
    text = yaml.dump(rule_schema(), sort_keys=False, default_flow_style=None, width=1_000)
    section = "    FaultRule:\n" + "".join(f"      {line}\n" for line in text.splitlines())
    return re.sub(r"^    FaultRule:\n(?:      .*\n)+", lambda _: section, document, flags=re.M)


if __name__ == "__main__":
    path = control_file()
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")
