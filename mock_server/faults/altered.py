"""The kind of fault that alters the content of responses and events, and keeps it valid JSON."""

from collections.abc import Iterator
from typing import Any

import orjson
from pydantic import Field, field_validator
from starlette.types import Message, Send

from mock_server.faults.fault import FaultContext, Responder
from mock_server.faults.response_faults import BodyFault
from mock_server.faults.stream_faults import StreamFault, Transform

_ADDED = "addedLater"


class Altered(BodyFault, StreamFault):
    """Alter the JSON of responses and events, as another version of the service might: add a field
    to every object, leave fields out, set them to null, or replace values. Several names are
    separated by slashes."""

    name = "altered"
    example = "altered.values=running:paused/manual:email"
    order = 15
    affects_bodies = True
    affects_streams = True
    add: str | None = Field(
        default=None,
        max_length=100,
        description="The name of the field to add; addedLater by default if nothing else is set.",
    )
    absent: str = Field(default="", max_length=1_000, description="Names of fields to leave out.")
    empty: str = Field(default="", max_length=1_000, description="Names of fields to set to null.")
    values: str = Field(
        default="",
        max_length=1_000,
        description="Strings to replace, also in the type of an event, as OLD:NEW.",
    )

    @field_validator("values")
    @classmethod
    def _are_pairs(cls, values: str) -> str:
        for pair in filter(None, values.split("/")):
            old, colon, new = pair.partition(":")
            if not (old and colon and new):
                raise ValueError(f"expected OLD:NEW pairs separated by slashes, got {pair!r}")
        return values

    def wrap(self, respond: Responder, context: FaultContext) -> Responder:
        return StreamFault.wrap(self, BodyFault.wrap(self, respond, context), context)

    async def corrupt(self, start: Message, body: bytes, send: Send, context: FaultContext) -> None:
        altered = Alteration(self).json(body)
        headers = [
            (name, b"%d" % len(altered) if name == b"content-length" else value)
            for name, value in start["headers"]
        ]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": altered})

    def transform(self, context: FaultContext) -> Transform:
        alteration = Alteration(self)

        def alter(block: bytes | None) -> Iterator[bytes]:
            if block is not None:
                context.record(self.name)
                yield b"\n".join(alteration.line(line) for line in block.split(b"\n"))

        return alter


class Alteration:
    """What an ``Altered`` does to a JSON value."""

    def __init__(self, fault: Altered) -> None:
        self._absent = frozenset(filter(None, fault.absent.split("/")))
        self._empty = frozenset(filter(None, fault.empty.split("/")))
        pairs = (pair.partition(":") for pair in fault.values.split("/") if pair)
        self._values = {old: new for old, _, new in pairs}
        others = self._absent or self._empty or self._values
        self._add = fault.add or (None if others else _ADDED)

    def apply(self, value: Any) -> Any:
        """Return the altered value. Its depth is that of a response of the mock."""
        if isinstance(value, str):
            return self._values.get(value, value)
        if isinstance(value, list):
            return [self.apply(item) for item in value]
        if not isinstance(value, dict):
            return value
        altered = {
            name: None if name in self._empty else self.apply(inner)
            for name, inner in value.items()
            if name not in self._absent
        }
        if self._add:
            altered[self._add] = {"unknown": [1, "two", None]}
        return altered

    def json(self, text: bytes) -> bytes:
        """Return the altered JSON; ``text`` itself where it is not JSON."""
        try:
            return orjson.dumps(self.apply(orjson.loads(text)))
        except orjson.JSONDecodeError:
            return text

    def line(self, line: bytes) -> bytes:
        """Return a line of an event stream with its altered type or data."""
        field, _, text = line.partition(b": ")
        if field == b"data":
            return b"data: " + self.json(text)
        if field == b"event":
            return b"event: " + self._values.get(text.decode(), text.decode()).encode()
        return line
