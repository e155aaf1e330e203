"""The errors of JSON Schema validation in FastAPI's terms.

The documented body of a 422 response comes from FastAPI, so each error has its ``loc``, ``msg`` and
``type``.
"""

from typing import Any

import orjson

from mock_server.errors import ErrorDetail

_TYPES = {
    "string": ("Input should be a valid string", "string_type"),
    "integer": ("Input should be a valid integer", "int_type"),
    "number": ("Input should be a valid number", "float_type"),
    "boolean": ("Input should be a valid boolean", "bool_type"),
    "array": ("Input should be a valid list", "list_type"),
    "object": (
        "Input should be a valid dictionary or object to extract fields from",
        "model_attributes_type",
    ),
}

_NOUNS = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "array": "a list",
    "object": "an object",
    "null": "null",
}

_FORMATS = {
    "uuid": ("Input should be a valid UUID", "uuid_parsing"),
    "date-time": ("Input should be a valid datetime", "datetime_parsing"),
}


def error_details(  # noqa: PLR0911 - one for each keyword
    error: Any, loc: tuple[str, ...]
) -> list[ErrorDetail]:
    """Return what an error of ``jsonschema_rs``, at ``loc`` of the request, is in FastAPI's
    terms."""
    kind = error.kind
    match kind.name:
        case "type":
            wanted = next(name for name in kind.types if name != "null")
            return [ErrorDetail(loc, *_TYPES[wanted])]
        case "enum":
            options = [_shown(option) for option in kind.options if option is not None]
            return [ErrorDetail(loc, f"Input should be {_listed(options)}", "enum")]
        case "maximum":
            msg = f"Input should be less than or equal to {kind.limit}"
            return [ErrorDetail(loc, msg, "less_than_equal")]
        case "minimum":
            msg = f"Input should be greater than or equal to {kind.limit}"
            return [ErrorDetail(loc, msg, "greater_than_equal")]
        case "required":
            return [ErrorDetail((*loc, kind.property), "Field required", "missing")]
        case "additionalProperties":
            return [
                ErrorDetail((*loc, name), "Extra inputs are not permitted", "extra_forbidden")
                for name in kind.unexpected
            ]
        case "maxLength":
            msg = f"String should have at most {kind.limit} characters"
            return [ErrorDetail(loc, msg, "string_too_long")]
        case "minItems":
            msg = f"List should have at least {kind.limit} item{'s' * (kind.limit != 1)}"
            return [ErrorDetail(loc, msg, "too_short")]
        case "anyOf":
            return [_none_of([reason for branch in kind.context for reason in branch], loc)]
        case "pattern":
            msg = f"String should match pattern '{kind.pattern}'"
            return [ErrorDetail(loc, msg, "string_pattern_mismatch")]
        case "format" if kind.format in _FORMATS:
            return [ErrorDetail(loc, *_FORMATS[kind.format])]
        case _:
            return [ErrorDetail(loc, f"Value error, {error.message}", "value_error")]


def _none_of(reasons: list[Any], loc: tuple[str, ...]) -> ErrorDetail:
    """Return the error of a value that matches no branch; ``reasons`` are the branches' errors."""
    missing = [reason.kind.property for reason in reasons if reason.kind.name == "required"]
    if missing:
        return ErrorDetail(loc, f"Field required: {_listed(missing)}", "missing")
    types = [name for reason in reasons if reason.kind.name == "type" for name in reason.kind.types]
    if types:
        return ErrorDetail(
            loc, f"Input should be {_listed([_NOUNS[name] for name in types])}", "type"
        )
    return ErrorDetail(loc, f"Value error, {reasons[0].message}", "value_error")


def _shown(option: Any) -> str:
    """Return a value as in JSON; a string in FastAPI's quotes."""
    return repr(option) if isinstance(option, str) else orjson.dumps(option).decode()


def _listed(options: list[str]) -> str:
    *first, last = options
    return f"{', '.join(first)} or {last}" if first else last
