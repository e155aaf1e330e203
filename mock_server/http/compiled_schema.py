"""A schema of the contract, compiled, that gives errors in the form of the contract."""

import re
from collections.abc import Callable
from typing import Any

import jsonschema_rs

from mock_server.engine.randomness import UUID_PATTERN
from mock_server.engine.run_state import Json
from mock_server.errors import ErrorDetail
from mock_server.http.error_details import error_details


class CompiledSchema:
    """A compiled schema of the contract."""

    def __init__(self, schema: Json, *, strict: bool = False) -> None:
        """``strict`` rejects 1.0 for an integer, which clients in many languages cannot read."""
        plain = plain_schema(schema)
        # Draft 4, on which OpenAPI 3.0 is based, distinguishes them; it has no format of a UUID.
        self._validator: Any = (
            jsonschema_rs.Draft4Validator(plain, validate_formats=True, formats={"uuid": _is_uuid})
            if strict
            else jsonschema_rs.Draft202012Validator(plain, validate_formats=True)
        )
        self.accepts: Callable[[Any], bool] = self._validator.is_valid
        if schema == {"type": "object"}:
            # The value may be a complete world, which would take long to traverse.
            self.accepts = lambda value: isinstance(value, dict)
        self._defaults = {
            name: inner["default"]
            for name, inner in schema.get("properties", {}).items()
            if "default" in inner
        }

    def fill(self, value: Json) -> Json:
        """Return ``value`` with the defaults of absent properties."""
        return {**self._defaults, **value}

    def errors(self, value: Any, loc: tuple[str, ...]) -> list[ErrorDetail]:
        """Return all errors in ``value``, which is at ``loc``."""
        found: list[ErrorDetail] = []
        try:
            errors = list(self._validator.iter_errors(value))
        except ValueError:
            # The library gives up on a value of some hundred levels.
            return [ErrorDetail(loc, "Input is nested too deeply", "too_deep")]
        for error in errors:
            here = (*loc, *map(str, error.instance_path))
            found += error_details(error, here)
        # A value of the wrong type is not in the enum either; report one error.
        mistyped = {detail.loc for detail in found if detail.type.endswith("_type")}
        return [f for f in found if not (f.type == "enum" and f.loc in mistyped)]


def plain_schema(schema: Any) -> Any:
    """Return a schema with JSON Schema's null type in place of OpenAPI 3.0's ``nullable``."""
    if isinstance(schema, list):
        return [plain_schema(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: plain_schema(inner) for key, inner in schema.items() if key != "nullable"}
    if schema.get("nullable") is True:
        plain["type"] = [schema["type"], "null"]
        if "enum" in plain:
            plain["enum"] = [*plain["enum"], None]
    return plain


def _is_uuid(text: str) -> bool:
    return re.fullmatch(UUID_PATTERN, text.lower()) is not None
