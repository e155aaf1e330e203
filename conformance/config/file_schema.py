"""The JSON Schema of the configuration file, for editors: what the table of settings says."""

from __future__ import annotations

from typing import Any

import click

from conformance.config.converters import schema_of
from conformance.config.options import OPTIONS
from conformance.config.sources import Setting
from conformance.config.waivers import WAIVER_SCHEMA
from conformance.vocabulary import State

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> dict[str, Any]:
    """Return the schema of conformance.toml; that of [tool.runs-conformance] is the same."""
    properties: dict[str, Any] = {}
    for setting in OPTIONS:
        if not setting.in_file:
            continue
        *tables, key = setting.place
        for table in tables:
            below = properties.setdefault(table, _table({}))
            properties_of_table: dict[str, Any] = below["properties"]
            properties_of_table[key] = _value(setting)
        if not tables:
            properties[key] = _value(setting)
    properties["waivers"] = {"type": "array", "items": WAIVER_SCHEMA}
    return {
        "$schema": _DIALECT,
        "title": "Configuration of runs-conformance",
        **_table(properties),
    }


def _value(setting: Setting) -> dict[str, Any]:
    """Return the schema of the value of a setting."""
    described = {"description": str(setting.help)}
    if isinstance(setting.default, str):
        described["description"] += f" Default: {setting.default}."
    return _content(setting) | described


def _content(setting: Setting) -> dict[str, Any]:
    if setting.is_flag:
        return {"type": "boolean"}
    if setting.secret:
        return {"type": "string", "minLength": 1}
    if setting.pairs:
        named = {state.value: _one_or_many({"type": "string"}) for state in State}
        return _table(named)
    if setting.metavar == "JSON":
        return {"type": ["string", "object", "array"]}
    kind = setting.type
    convert = kind.func if isinstance(kind, click.types.FuncParamType) else str
    one = schema_of(convert)
    return _one_or_many(one) if setting.multiple else one


def _one_or_many(one: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [one, {"type": "array", "items": one}]}


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}
