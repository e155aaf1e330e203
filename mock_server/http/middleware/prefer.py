"""What one request may ask of the mock: ``Prefer: code=404``, ``example=running``, ``fault=slow``.

Each has a twin in the query (``__code``, ``__example``, ``__fault``), because a browser's
EventSource cannot send headers. A code and an example are answered from the contract's named
examples; a fault is a preset, or a kind of fault as it is by default, and several are separated by
commas. What there is not is refused, with what there is; other preferences are ignored, as RFC 7240
has it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from urllib.parse import parse_qsl

from mock_server.engine.enums import Operation
from mock_server.engine.run_state import Json
from mock_server.errors import ErrorDetail, HttpError, RequestValidationError
from mock_server.faults.rules import KINDS, Preset, Rule
from mock_server.http.call import BodyResponse, NoContent, Response
from mock_server.http.request_schema import QUERY_PREFERENCES, Headers

_PREFERENCE = re.compile(r'([\w-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s;,"]*)))?[^,]*')
_EVENTS = "text/event-stream"
_name = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Preference:
    """What is asked for, and where: a location as errors have it."""

    text: str
    loc: tuple[str, ...]

    def refuse(self, problem: str) -> RequestValidationError:
        """The refusal that says why it cannot be had."""
        return RequestValidationError(
            [ErrorDetail(self.loc, f"Value error, {problem}", "value_error")]
        )


@dataclass(frozen=True, slots=True)
class Example:
    """A named answer of the contract; ``name`` and ``media_type`` are None for one without a
    body."""

    status: int
    name: str | None
    media_type: str | None
    value: Any
    headers: Mapping[str, str]

    def answer(self) -> Response:
        """The example as an answer. Raises HttpError where it is an error told in words."""
        if self.media_type is None:
            return NoContent()
        if self.media_type == _EVENTS:
            return BodyResponse(self.value.encode(), self.status, dict(self.headers), _EVENTS)
        if self.status >= 400 and isinstance(self.value.get("detail"), str):
            # How such errors look is the world's behaviour's say.
            raise HttpError(self.status, self.value["detail"], self.headers)
        return BodyResponse.of(self.value, self.status, dict(self.headers))


class Examples:
    """The named examples of every operation of the contract."""

    def __init__(self, contract: Json) -> None:
        self._contract = contract
        self._of: dict[str, list[Example]] = {
            operation["operationId"]: list(self._read(operation["responses"]))
            for item in contract["paths"].values()
            for operation in item.values()
            if isinstance(operation, dict) and "operationId" in operation
        }

    def answer(self, operation: str, asked: Mapping[str, Preference]) -> Response | None:
        """The answer that the preferences ``code`` and ``example`` ask for, None for neither.

        Raises RequestValidationError for one that there is not, Refused where the answer is an error."""
        code, name = asked.get("code"), asked.get("example")
        found = self._of[operation]
        if code is not None:
            there = found
            found = [one for one in there if str(one.status) == code.text]
            if not found:
                codes = ", ".join(dict.fromkeys(str(one.status) for one in there))
                raise code.refuse(f"{operation} answers {codes}, not {code.text!r}")
        if name is not None:
            there = found
            found = [one for one in there if one.name == name.text]
            if not found:
                names = ", ".join(f"{one.name} ({one.status})" for one in there if one.name)
                raise name.refuse(f"no example {name.text!r} is there; there are: {names or '-'}")
        return None if code is None and name is None else found[0].answer()

    def _read(self, responses: Json) -> Iterator[Example]:
        for code, declared in responses.items():
            response = self._resolve(declared)
            headers = {
                name: str(header["example"])
                for name, header in (
                    (name, self._resolve(header))
                    for name, header in response.get("headers", {}).items()
                )
                # The limits of the platform are those of the world, or there are none.
                if "example" in header and not name.startswith("X-RateLimit-")
            }
            if "content" not in response:
                yield Example(int(code), None, None, None, headers)
            for media_type, content in response.get("content", {}).items():
                for name, example in content.get("examples", {}).items():
                    value = self._resolve(example)["value"]
                    yield Example(int(code), name, media_type, value, headers)

    def _resolve(self, node: Json) -> Json:
        while "$ref" in node:
            target: Any = self._contract
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node


def may_prefer(headers: Headers, query: bytes) -> bool:
    """Whether a closer look is worth while: most requests ask for nothing."""
    return b"__" in query or b"prefer" in map(_name, headers)


def preferences(headers: Headers, query: bytes) -> dict[str, Preference]:
    """What a request asks for by the names ``code``, ``example`` and ``fault``; of several the
    first counts, and the query before the header."""
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


def wanted_rules(
    fault: Preference, operation: Operation, presets: Mapping[str, Preset]
) -> list[Rule]:
    """The rules that the preference ``fault`` names. Raises RequestValidationError where there is no such fault,
    or none that can befall an answer of ``operation``."""
    rules: list[Rule] = []
    for name in filter(None, re.split("[, ]+", fault.text)):
        if name in presets:
            named = presets[name].rules
        elif name in KINDS:
            named = [Rule.model_validate({name: {}})]
        else:
            there = ", ".join([*presets, *KINDS])
            raise fault.refuse(f"there is no fault {name!r}; there are: {there}")
        if not any(rule.faults_for(operation) for rule in named):
            raise fault.refuse(f"{name} befalls no answer of {operation}")
        rules += named
    return rules
