"""What the contract asks of a request, compiled once per operation.

Parameters and bodies are held against the contract's schemas; everything that is wrong is reported
at once, each flaw with ``loc``, ``msg`` and ``type`` in FastAPI's terms, which is the framework the
documented error body comes from.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
import orjson

from mock_server.engine.behaviour import (
    AbsentBody,
    Behaviour,
    BelowOne,
    UnknownParameter,
    UnknownValue,
)
from mock_server.engine.run_state import Json
from mock_server.errors import ErrorDetail
from mock_server.gc_tuning import without_gc
from mock_server.journal.coverage import SentParameters

MAX_BODY_SIZE = 1_048_576
_INTEGER = re.compile(r"-?[0-9]{1,4000}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")

QUERY_PREFERENCES = frozenset({"__code", "__example", "__fault"})
"""Query parameters that ask something of the mock, beside the contract; see ``prefer.py``."""

Headers = list[tuple[bytes, bytes]]


class Parameter:
    """One parameter: how its text becomes a value, and what the value must be."""

    def __init__(self, declared: Json) -> None:
        self.name: str = declared["name"]
        self.where: str = declared["in"]
        self.required: bool = declared.get("required", False)
        schema = declared["schema"]
        self.words = frozenset(declared.get("words", schema.get("enum", ())))
        self.default = schema.get("default")
        self._read = _READERS.get(schema.get("type", "string"), str)
        self._is_uuid = schema.get("format") == "uuid"
        self._schema = CompiledSchema(schema)

    def value(self, texts: list[str], flaws: list[ErrorDetail]) -> Any:
        """The value of ``texts``, one per occurrence; what is wrong joins ``flaws``."""
        loc = (self.where, self.name)
        if not texts:
            if self.required:
                flaws.append(ErrorDetail(loc, "Field required", "missing"))
            return self.default
        if len(texts) > 1:
            flaws.append(
                ErrorDetail(
                    loc, f"Value error, given {len(texts)} times, expected once", "value_error"
                )
            )
            return None
        try:
            value = self._read(texts[0])
        except _UnreadableError as error:
            flaws.append(ErrorDetail(loc, error.msg, error.type))
            return None
        if not self._schema.accepts(value):
            flaws += self._schema.flaws(value, loc)
            return None
        # Ids are kept in canonical form; a client may write them in capitals.
        return value.lower() if self._is_uuid else value


class Body:
    """The JSON body of an operation."""

    def __init__(self, declared: Json) -> None:
        self.required: bool = declared.get("required", False)
        schema = declared["content"]["application/json"]["schema"]
        self._schema = CompiledSchema(schema)
        properties = schema.get("properties", {})
        self._names = properties.keys()
        self._worded = [name for name, inner in properties.items() if "enum" in inner]

    def value(
        self,
        content: bytes,
        content_type: str | None,
        flaws: list[ErrorDetail],
        met: SentParameters,
    ) -> Json:
        """The body as an object, defaults filled in; an absent one is ``{}`` where it may be. What
        is wrong joins ``flaws``, what was given of it joins ``met``."""
        if not content:
            if self.required:
                flaws.append(ErrorDetail(("body",), "Field required", "missing"))
            return self._filled({}, met)
        if not _is_json(content_type):
            flaws.append(
                ErrorDetail(
                    ("body",),
                    "Input should be a valid dictionary or object to extract fields from; "
                    "send it with Content-Type: application/json",
                    "model_attributes_type",
                )
            )
            return {}
        try:
            value = _parse(content)
        except orjson.JSONDecodeError as error:
            flaws.append(ErrorDetail(("body", str(error.pos)), "JSON decode error", "json_invalid"))
            return {}
        if not self._schema.accepts(value):
            flaws += self._schema.flaws(value, ("body",))
            return {}
        met |= self._names & value.keys()
        return self._filled(value, met)

    def _filled(self, value: Json, met: SentParameters) -> Json:
        filled = self._schema.fill(value)
        met |= {(name, filled[name]) for name in self._worded if filled.get(name) is not None}
        return filled


class CompiledSchema:
    """A schema of the contract, ready to use."""

    def __init__(self, schema: Json) -> None:
        self._validator = jsonschema_rs.Draft202012Validator(
            plain_schema(schema), validate_formats=True
        )
        self.accepts: Callable[[Any], bool] = self._validator.is_valid
        if schema == {"type": "object"}:
            # It may be a whole world, which is not to be walked through for this.
            self.accepts = lambda value: isinstance(value, dict)
        self._defaults = {
            name: inner["default"]
            for name, inner in schema.get("properties", {}).items()
            if "default" in inner
        }

    def fill(self, value: Json) -> Json:
        """``value`` with the defaults of absent properties."""
        return {**self._defaults, **value}

    def flaws(self, value: Any, loc: tuple[str, ...]) -> list[ErrorDetail]:
        """Everything that is wrong with ``value``, which stands at ``loc``."""
        found: list[ErrorDetail] = []
        for error in self._validator.iter_errors(value):
            here = (*loc, *map(str, error.instance_path))
            found += _in_fastapi_terms(error, here)
        # A value of the wrong type is in no enum either; once is enough.
        mistyped = {flaw.loc for flaw in found if flaw.type.endswith("_type")}
        return [f for f in found if not (f.type == "enum" and f.loc in mistyped)]


class RequestSchema:
    """What one operation asks of a request."""

    def __init__(self, parameters: list[Json], body: Json | None, behaviour: Behaviour) -> None:
        # Connexion lists the parameters of a path once more whenever it reads an operation.
        declared = {(one["in"], one["name"]): one for one in parameters}
        compiled = [Parameter(_as_asked(one, behaviour)) for one in declared.values()]
        self._path = [one for one in compiled if one.where == "path"]
        self._query = [one for one in compiled if one.where == "query"]
        self._headers = [
            (one.name.lower().encode(), one) for one in compiled if one.where == "header"
        ]
        self._refuses_extra = behaviour.unknown_parameters is UnknownParameter.INVALID
        self.body = None
        if body:
            absent_is_invalid = behaviour.absent_body is AbsentBody.INVALID
            self.body = Body({**body, "required": body.get("required") or absent_is_invalid})
        self._none = {one.name: one.default for one in self._query}

    def parameters(
        self,
        path: dict[str, str],
        query: bytes,
        headers: Headers,
        flaws: list[ErrorDetail],
        met: SentParameters,
    ) -> dict[str, Any]:
        """The value of each parameter by name; what is wrong joins ``flaws``, what was given joins
        ``met``."""
        values: dict[str, Any] = {}
        for parameter in self._path:
            values[parameter.name] = parameter.value([path[parameter.name]], flaws)
        if query and (self._query or self._refuses_extra):
            given: dict[str, list[str]] = {}
            for name, text in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
                given.setdefault(name, []).append(text)
            if self._refuses_extra:
                known = {parameter.name for parameter in self._query}
                flaws += [
                    ErrorDetail(
                        ("query", name), "Extra inputs are not permitted", "extra_forbidden"
                    )
                    for name in given
                    if name not in known and name not in QUERY_PREFERENCES
                ]
            for parameter in self._query:
                texts = given.get(parameter.name, [])
                value = values[parameter.name] = parameter.value(texts, flaws)
                if texts:
                    met.add(parameter.name)
                    if value in parameter.words:
                        met.add((parameter.name, value))
        else:
            values.update(self._none)
        for header, parameter in self._headers:
            texts = [text.decode("latin-1") for key, text in headers if key == header]
            values[parameter.name] = parameter.value(texts, flaws)
            if texts:
                met.add(parameter.name)
        return values


def _parse(content: bytes) -> Any:
    if len(content) <= MAX_BODY_SIZE:
        return orjson.loads(content)
    with without_gc():  # Hundreds of thousands of objects.
        return orjson.loads(content)


def question_of(flaws: list[ErrorDetail]) -> str | None:
    """The open question to which another answer would let one of ``flaws`` pass."""
    for flaw in flaws:
        question = _QUESTIONS.get((flaw.loc, flaw.type))
        if question is None and flaw.loc[0] == "query" and flaw.type == "extra_forbidden":
            question = "Q07"
        if question is not None:
            return question
    return None


def _as_asked(parameter: Json, behaviour: Behaviour) -> Json:
    """The parameter as ``behaviour`` asks for it: the filter without its known values, the page
    size with a lower bound."""
    schema = parameter["schema"]
    if "enum" in schema and behaviour.unknown_status is UnknownValue.EMPTY:
        parameter = {**parameter, "words": schema["enum"]}
        schema = {key: value for key, value in schema.items() if key != "enum"}
    if parameter["name"] == "limit" and behaviour.limit_below_one is BelowOne.INVALID:
        schema = {**schema, "minimum": 1}
    return {**parameter, "schema": schema}


class _UnreadableError(Exception):
    def __init__(self, msg: str, type_: str) -> None:
        super().__init__(msg)
        self.msg, self.type = msg, type_


def _read_integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise _UnreadableError(
            "Input should be a valid integer, unable to parse string as an integer", "int_parsing"
        )
    return int(text)


def _read_number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise _UnreadableError(
            "Input should be a valid number, unable to parse string as a number", "float_parsing"
        )
    return float(text)


def _read_boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise _UnreadableError(
            "Input should be a valid boolean, unable to interpret input", "bool_parsing"
        )
    return text == "true"


_READERS: dict[str, Callable[[str], Any]] = {
    "integer": _read_integer,
    "number": _read_number,
    "boolean": _read_boolean,
}

_QUESTIONS = {
    (("query", "status"), "enum"): "Q05",
    (("query", "limit"), "greater_than_equal"): "Q06",
    (("body",), "missing"): "Q17",
}

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


def _in_fastapi_terms(  # noqa: PLR0911 - one for each keyword
    error: Any, loc: tuple[str, ...]
) -> list[ErrorDetail]:
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
            return [_none_of([fault for branch in kind.context for fault in branch], loc)]
        case "pattern":
            msg = f"String should match pattern '{kind.pattern}'"
            return [ErrorDetail(loc, msg, "string_pattern_mismatch")]
        case "format" if kind.format in _FORMATS:
            return [ErrorDetail(loc, *_FORMATS[kind.format])]
        case _:
            return [ErrorDetail(loc, f"Value error, {error.message}", "value_error")]


def _none_of(faults: list[Any], loc: tuple[str, ...]) -> ErrorDetail:
    """The flaw of what is nothing of what it may be; ``faults`` say why not."""
    missing = [fault.kind.property for fault in faults if fault.kind.name == "required"]
    if missing:
        return ErrorDetail(loc, f"Field required: {_listed(missing)}", "missing")
    types = [name for fault in faults if fault.kind.name == "type" for name in fault.kind.types]
    if types:
        return ErrorDetail(
            loc, f"Input should be {_listed([_NOUNS[name] for name in types])}", "type"
        )
    return ErrorDetail(loc, f"Value error, {faults[0].message}", "value_error")


def _shown(option: Any) -> str:
    """A value as people write it in JSON; a text in the quotes that FastAPI gives it."""
    return repr(option) if isinstance(option, str) else orjson.dumps(option).decode()


def _listed(options: list[str]) -> str:
    *most, last = options
    return f"{', '.join(most)} or {last}" if most else last


def plain_schema(schema: Any) -> Any:
    """OpenAPI 3.0's ``nullable`` as JSON Schema says it."""
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


def _is_json(content_type: str | None) -> bool:
    if content_type is None:
        return False
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )
