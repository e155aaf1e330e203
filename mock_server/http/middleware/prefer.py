"""What one request can ask for: ``Prefer: code=404``, ``example=running``, ``fault=slow``.

Each has an equivalent in the query (``__code``, ``__example``, ``__fault``), because a browser's
EventSource cannot send headers. A code and an example select one of the contract's named
examples; a fault is a preset, a kind of fault with its defaults, or one with a value, as in
``fault="status.code=503"``; several are separated by commas. An unknown value is a validation error
that lists the known ones; other preferences are ignored, as in RFC 7240.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from urllib.parse import parse_qsl

from pydantic import ValidationError

from mock_server.engine.enums import Operation
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError, RequestValidationError, unknown_name
from mock_server.faults.notation import parse
from mock_server.faults.registry import KINDS
from mock_server.faults.rules import Preset, Rule
from mock_server.http.call import BodyResponse, NoContent, Response
from mock_server.http.request_schema import QUERY_PREFERENCES
from mock_server.journal.exchange import Headers
from mock_server.openapi_document import OpenApiDocument

_PREFERENCE = re.compile(r'([\w-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s;,"]*)))?[^,]*')
_EVENTS = "text/event-stream"
_name = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Preference:
    """The text of a preference, and its location as in validation errors."""

    text: str
    loc: tuple[str, ...]

    def error(self, problem: str) -> RequestValidationError:
        """Return the error for a preference that cannot be applied."""
        return RequestValidationError.at(self.loc, problem)


@dataclass(frozen=True, slots=True)
class Example:
    """A named response of the contract; ``name`` and ``media_type`` are None without a body."""

    status: int
    name: str | None
    media_type: str | None
    value: Any
    headers: Mapping[str, str]

    def response(self) -> Response:
        """Return the example as a response. Raise HttpError for an error with a reason."""
        if self.media_type is None:
            return NoContent()
        if self.media_type == _EVENTS:
            return BodyResponse(self.value.encode(), self.status, dict(self.headers), _EVENTS)
        if self.status >= 400 and isinstance(self.value.get("detail"), str):
            # The world's behaviour determines the body of such an error.
            raise HttpError(self.status, self.value["detail"], self.headers)
        return BodyResponse.json(self.value, self.status, dict(self.headers))


class Examples:
    """The named examples of every operation of the contract."""

    def __init__(self, contract: OpenApiDocument) -> None:
        self._resolve = contract.resolve
        self._examples: dict[str, list[Example]] = {
            operation["operationId"]: list(self._read(operation["responses"]))
            for item in contract.content["paths"].values()
            for operation in item.values()
            if isinstance(operation, dict) and "operationId" in operation
        }

    def response(self, operation: str, preferred: Mapping[str, Preference]) -> Response | None:
        """Return the response that the preferences ``code`` and ``example`` select, None for none.

        Raise RequestValidationError for an unknown one, HttpError where the response is an error.
        """
        code, name = preferred.get("code"), preferred.get("example")
        found = self._examples[operation]
        if code is not None:
            candidates = found
            found = [one for one in candidates if str(one.status) == code.text]
            if not found:
                codes = ", ".join(dict.fromkeys(str(one.status) for one in candidates))
                raise code.error(
                    f"code: expected one of {codes} for {operation}, got {code.text!r}. Use "
                    "Prefer: fault=status.code=503 for another status code"
                )
        if name is not None:
            candidates = found
            found = [one for one in candidates if one.name == name.text]
            if not found:
                names = ", ".join(f"{one.name} ({one.status})" for one in candidates if one.name)
                raise name.error(f"example: expected one of {names or 'none'}, got {name.text!r}")
        return None if code is None and name is None else found[0].response()

    def _read(self, responses: Json) -> Iterator[Example]:
        for code, declared in responses.items():
            response = self._resolve(declared)
            resolved = {
                name: self._resolve(header) for name, header in response.get("headers", {}).items()
            }
            headers = {
                name: str(header["example"])
                for name, header in resolved.items()
                # Only a world with a rate limit has the platform's headers.
                if "example" in header and not name.startswith("X-RateLimit-")
            }
            if "content" not in response:
                yield Example(int(code), None, None, None, headers)
            for media_type, content in response.get("content", {}).items():
                for name, example in content.get("examples", {}).items():
                    value = self._resolve(example)["value"]
                    yield Example(int(code), name, media_type, value, headers)


def has_preferences(headers: Headers, query: bytes) -> bool:
    """Return whether a request may ask for something; most do not."""
    return b"__" in query or b"prefer" in map(_name, headers)


def preferences(headers: Headers, query: bytes) -> dict[str, Preference]:
    """Return the preferences ``code``, ``example`` and ``fault`` of a request by name.

    Of several the first counts, and the query before the header.
    """
    found: dict[str, Preference] = {}
    if b"__" in query:
        for name, text in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
            if name in QUERY_PREFERENCES:
                found.setdefault(name.removeprefix("__"), Preference(text, ("query", name)))
    for key, value in headers:
        if key == b"prefer":
            for match in _PREFERENCE.finditer(value.decode("latin-1")):
                name = match[1].lower()
                if f"__{name}" in QUERY_PREFERENCES:
                    text = match[2] if match[2] is not None else match[3] or ""
                    found.setdefault(name, Preference(text, ("header", "Prefer")))
    return found


def requested_rules(
    fault: Preference, operation: Operation, presets: Mapping[str, Preset]
) -> list[Rule]:
    """Return the rules that the preference ``fault`` names.

    Raise RequestValidationError for an unknown fault or value, and for a fault that does not apply
    to responses of ``operation``.
    """
    items = list(filter(None, re.split("[, ]+", fault.text)))
    named = {item: presets[item].rules for item in items if item in presets}
    try:
        kinds = parse(item for item in items if item not in presets)
    except ValueError as error:
        raise fault.error(str(error)) from None
    named |= {kind: [_rule(kind, values, fault, presets)] for kind, values in kinds.items()}
    for name, rules in named.items():
        if not any(rule.faults_for(operation) for rule in rules):
            raise fault.error(f"{name} does not apply to responses of {operation}")
    return [rule for rules in named.values() for rule in rules]


def _rule(kind: str, values: Json, fault: Preference, presets: Mapping[str, Preset]) -> Rule:
    """Return a rule with one kind of fault. Raise RequestValidationError."""
    if kind not in KINDS:
        raise fault.error(unknown_name("fault", kind, [*presets, *KINDS]))
    try:
        rule: Rule = Rule.model_validate({kind: values})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise fault.error(f"{where}: {first['msg']}") from None
    return rule
