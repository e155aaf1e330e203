"""The body of a request: read within a limit, parsed and validated."""

from urllib.parse import parse_qsl

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from mock_server.engine.run_state import Json
from mock_server.errors import ErrorDetail, HttpError
from mock_server.http.compiled_schema import CompiledSchema
from mock_server.journal.coverage import SentParameters
from mock_server.strict_json import JsonError, parse_large

MAX_BODY_SIZE = 1_048_576
"""The bytes of a body, unless the operation sets another maximum."""

FORM = "application/x-www-form-urlencoded"


class RequestBody:
    """The JSON body of an operation."""

    def __init__(self, declared: Json, *, strict: bool = False) -> None:
        """``strict`` rejects what JSON parsers read differently, see ``strict_json``."""
        self._strict = strict
        self.required: bool = declared.get("required", False)
        schema = declared["content"]["application/json"]["schema"]
        self._takes_forms = FORM in declared["content"]
        self._schema = CompiledSchema(schema, strict=strict)
        properties = schema.get("properties", {})
        self._names = properties.keys()
        self._enum_properties = [name for name, inner in properties.items() if "enum" in inner]

    async def value(
        self,
        content: bytes,
        content_type: str | None,
        errors: list[ErrorDetail],
        sent: SentParameters,
    ) -> Json:
        """Return the body as an object with defaults; ``{}`` for an absent one that may be absent.

        Add what is invalid to ``errors``, and the properties that were sent to ``sent``.
        """
        if not content:
            if self.required:
                errors.append(ErrorDetail(("body",), "Field required", "missing"))
            return self._filled({}, sent)
        if self._takes_forms and _media_type(content_type) == FORM:
            content, content_type = _form_to_json(content), "application/json"
        if not _is_json(content_type):
            errors.append(
                ErrorDetail(
                    ("body",),
                    "Input should be a valid dictionary or object to extract fields from; "
                    "send it with Content-Type: application/json",
                    "model_attributes_type",
                )
            )
            return {}
        try:
            value = await parse_large(content) if self._strict else orjson.loads(content)
        except orjson.JSONDecodeError as error:
            errors.append(
                ErrorDetail(("body", str(error.pos)), "JSON decode error", "json_invalid")
            )
            return {}
        except JsonError as error:
            loc = ("body", str(error.position))
            errors.append(ErrorDetail(loc, error.problem, "json_invalid"))
            return {}
        if not self._schema.accepts(value):
            errors += self._schema.errors(value, ("body",))
            return {}
        sent |= self._names & value.keys()
        return self._filled(value, sent)

    def _filled(self, value: Json, sent: SentParameters) -> Json:
        filled = self._schema.fill(value)
        sent |= {
            (name, filled[name]) for name in self._enum_properties if filled.get(name) is not None
        }
        return filled


async def read_body(receive: Receive, max_size: int) -> bytes:
    """Return the complete body.

    Raise HttpError (413) for more than ``max_size`` bytes, and ClientDisconnect when the client has
    not sent all of it.
    """
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if size > max_size:
            raise HttpError(413, f"The body is larger than {max_size} bytes")
        if not message.get("more_body", False):
            return b"".join(chunks)


def _is_json(content_type: str | None) -> bool:
    media_type = _media_type(content_type)
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def _form_to_json(content: bytes) -> bytes:
    """Return a form as a JSON object of texts; the last field of a name counts."""
    return orjson.dumps(dict(parse_qsl(content.decode("latin-1"), keep_blank_values=True)))
