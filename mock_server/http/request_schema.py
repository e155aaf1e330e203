"""The schema of a request: parameters and body, compiled once per operation.

The values are validated by the contract's schemas, and all errors are reported together.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from mock_server.engine.behaviour import (
    AbsentBody,
    Behaviour,
    BelowOne,
    UnknownParameter,
    UnknownValue,
)
from mock_server.engine.run_state import Json
from mock_server.errors import ErrorDetail
from mock_server.http.compiled_schema import CompiledSchema
from mock_server.http.request_body import RequestBody
from mock_server.journal.coverage import SentParameters
from mock_server.journal.exchange import Headers

_INTEGER = re.compile(r"-?[0-9]{1,4000}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")

LAST_EVENT_ID = "Last-Event-ID"

QUERY_PREFERENCES = frozenset({"__code", "__example", "__fault"})
"""Query parameters with preferences for the response, which the contract does not have; see
``middleware/prefer.py``."""


class Parameter:
    """One parameter: how its text is parsed, and the schema of its value."""

    def __init__(self, declared: Json) -> None:
        self.name: str = declared["name"]
        self.location: str = declared["in"]
        self.required: bool = declared.get("required", False)
        schema = declared["schema"]
        self.enum_values = frozenset(declared.get("x-enum", schema.get("enum", ())))
        self.default = schema.get("default")
        self._parse_text = _PARSERS.get(schema.get("type", "string"), str)
        self._is_uuid = schema.get("format") == "uuid"
        self._schema = CompiledSchema(schema)

    def value(self, texts: list[str], errors: list[ErrorDetail]) -> Any:
        """Return the value of ``texts``, one per occurrence; add what is invalid to ``errors``."""
        loc = (self.location, self.name)
        if not texts:
            if self.required:
                errors.append(ErrorDetail(loc, "Field required", "missing"))
            return self.default
        if len(texts) > 1:
            errors.append(
                ErrorDetail(
                    loc, f"Value error, given {len(texts)} times, expected once", "value_error"
                )
            )
            return None
        try:
            value = self._parse_text(texts[0])
        except _ParseError as error:
            errors.append(ErrorDetail(loc, error.msg, error.type))
            return None
        if not self._schema.accepts(value):
            errors += self._schema.errors(value, loc)
            return None
        # Ids are stored in lower case; a client may send upper case.
        return value.lower() if self._is_uuid else value


class RequestSchema:
    """The parameters and the body of one operation, under one behaviour."""

    def __init__(
        self,
        parameters: list[Json],
        body: Json | None,
        behaviour: Behaviour,
        *,
        strict: bool = False,
    ) -> None:
        # Connexion repeats the parameters of a path each time it reads an operation.
        declared = {(one["in"], one["name"]): one for one in parameters}
        compiled = [Parameter(_adapted(one, behaviour)) for one in declared.values()]
        self._path = [one for one in compiled if one.location == "path"]
        self._query = [one for one in compiled if one.location == "query"]
        self._headers = [
            (one.name.lower().encode(), one) for one in compiled if one.location == "header"
        ]
        self._resumable = any(one.name == LAST_EVENT_ID for _, one in self._headers)
        self._rejects_unknown = behaviour.unknown_parameters is UnknownParameter.INVALID
        self.body = None
        if body:
            absent_is_invalid = behaviour.absent_body is AbsentBody.INVALID
            required = body.get("required") or absent_is_invalid
            self.body = RequestBody({**body, "required": required}, strict=strict)
        self._defaults_only = {one.name: one.default for one in self._query}

    def parameters(
        self,
        path: dict[str, str],
        query: bytes,
        headers: Headers,
        errors: list[ErrorDetail],
        sent: SentParameters,
    ) -> dict[str, Any]:
        """Return the value of each parameter by name.

        Add what is invalid to ``errors``, and the parameters that were sent to ``sent``.
        """
        values: dict[str, Any] = {}
        for parameter in self._path:
            values[parameter.name] = parameter.value([path[parameter.name]], errors)
        texts_by_name: dict[str, list[str]] = {}
        if query and (self._query or self._rejects_unknown or self._resumable):
            for name, text in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
                texts_by_name.setdefault(name, []).append(text)
            if self._rejects_unknown:
                known = {parameter.name for parameter in self._query}
                errors += [
                    ErrorDetail(
                        ("query", name), "Extra inputs are not permitted", "extra_forbidden"
                    )
                    for name in texts_by_name
                    if name not in known and not is_extension(name, resumable=self._resumable)
                ]
            for parameter in self._query:
                texts = texts_by_name.get(parameter.name, [])
                value = values[parameter.name] = parameter.value(texts, errors)
                if texts:
                    sent.add(parameter.name)
                    if value in parameter.enum_values:
                        sent.add((parameter.name, value))
        else:
            values.update(self._defaults_only)
        for header, parameter in self._headers:
            # White space around the value of a header is not part of it.
            texts = [text.decode("latin-1").strip(" \t") for key, text in headers if key == header]
            if texts_by_name and self._resumable and not any(texts):
                texts = [
                    texts[-1].strip() for name, texts in texts_by_name.items() if _resumes(name)
                ][-1:]
            values[parameter.name] = parameter.value(texts, errors)
            if texts:
                sent.add(parameter.name)
        return values


def is_extension(name: str, *, resumable: bool) -> bool:
    """Return whether the mock knows a query parameter that the contract does not have.

    ``resumable`` says whether the operation has the header ``Last-Event-ID``.
    """
    return name in QUERY_PREFERENCES or (resumable and _resumes(name))


def _resumes(name: str) -> bool:
    """Return whether a query parameter stands for the header ``Last-Event-ID``.

    Polyfills of EventSource send ``lastEventId``, because they cannot set the header.
    """
    return name.lower().replace("-", "").replace("_", "") == "lasteventid"


def question_of(errors: list[ErrorDetail]) -> str | None:
    """Return the open question that, answered otherwise, would allow one of ``errors``."""
    for error in errors:
        question = _QUESTIONS.get((error.loc, error.type))
        if question is None and error.loc[0] == "query" and error.type == "extra_forbidden":
            question = "Q07"
        if question is not None:
            return question
    return None


def _adapted(parameter: Json, behaviour: Behaviour) -> Json:
    """Return the parameter under ``behaviour``: the filter without its enum, the page size with a
    minimum."""
    schema = parameter["schema"]
    if "enum" in schema and behaviour.unknown_status is UnknownValue.EMPTY:
        parameter = {**parameter, "x-enum": schema["enum"]}
        schema = {key: value for key, value in schema.items() if key != "enum"}
    if parameter["name"] == "limit" and behaviour.limit_below_one is BelowOne.INVALID:
        schema = {**schema, "minimum": 1}
    return {**parameter, "schema": schema}


class _ParseError(Exception):
    def __init__(self, msg: str, type_: str) -> None:
        super().__init__(msg)
        self.msg, self.type = msg, type_


def _parse_integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise _ParseError(
            "Input should be a valid integer, unable to parse string as an integer", "int_parsing"
        )
    return int(text)


def _parse_number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise _ParseError(
            "Input should be a valid number, unable to parse string as a number", "float_parsing"
        )
    return float(text)


def _parse_boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise _ParseError(
            "Input should be a valid boolean, unable to interpret input", "bool_parsing"
        )
    return text == "true"


_PARSERS: dict[str, Callable[[str], Any]] = {
    "integer": _parse_integer,
    "number": _parse_number,
    "boolean": _parse_boolean,
}

_QUESTIONS = {
    (("query", "status"), "enum"): "Q05",
    (("query", "limit"), "greater_than_equal"): "Q06",
    (("body",), "missing"): "Q17",
}
