"""Parse Server-Sent Events from bytes as the WHATWG standard does. Browsers accept everything, so a
parser built for use would hide faults of the server: this one also reports the parts that a browser
would drop silently (unknown fields, invalid UTF-8, a last event without its end)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conformance.client import json_text

FIELDS = frozenset({"event", "data", "id", "retry"})


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event as a browser would dispatch it, when it came, in seconds since the request, and
    which of the fields id, event and data it was made of."""

    event: str
    data: str
    id: str | None
    at: float
    lines: frozenset[str] = frozenset()

    def json(self) -> Any:
        """Return the data as JSON. Raise ValueError if it is not JSON."""
        try:
            return json_text.loads(self.data)
        except RecursionError:
            raise ValueError("it is nested too deep") from None


@dataclass(slots=True)
class Parser:
    """Feed it bytes; it collects events and faults, and counts comments."""

    events: list[ServerSentEvent] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    comments: int = 0
    _rest: list[bytes] = field(default_factory=list)
    _half: bool = False
    _begun: bool = False
    _event: str = ""
    _data: list[str] = field(default_factory=list)
    _id: str | None = None
    _fields: set[str] = field(default_factory=set)

    def feed(self, chunk: bytes, at: float) -> None:
        """Take in bytes that arrived `at` seconds after the request."""
        # A line's end may lie in two chunks; the line is over with its first half.
        if self._half and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._half = chunk.endswith(b"\r")
        first, *lines = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        # Joined when it is whole: a line without end is not copied again with every chunk.
        self._rest.append(first)
        for line in lines:
            self._line(b"".join(self._rest), at)
            self._rest = [line]

    def end(self) -> None:
        """Handle the end of the stream: a browser drops an unfinished event."""
        if b"".join(self._rest).strip() or self._data:
            self.faults.append("the stream ended within an event, which browsers drop")
            self._rest = []

    def _line(self, raw: bytes, at: float) -> None:
        if not self._begun:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
            self._begun = True
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as fault:
            self.faults.append(f"a line is not UTF-8: {fault}")
            line = raw.decode("utf-8", "replace")
        if not line:
            self._dispatch(at)
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                self.comments += 1
            case "event":
                self._event = value
                self._fields.add(name)
            case "data":
                self._data.append(value)
                self._fields.add(name)
            case "id" if "\0" not in value:
                self._id = value
                self._fields.add(name)
            case "retry" if value.isascii() and value.isdigit():
                pass
            case _ if name in FIELDS:
                self.faults.append(f"the field {name!r} has the value {value!r}, which is ignored")
            case _:
                self.faults.append(f"the line {line[:80]!r} has no field that browsers know")

    def _dispatch(self, at: float) -> None:
        if self._data:
            data, lines = "\n".join(self._data), frozenset(self._fields)
            self.events.append(ServerSentEvent(self._event or "message", data, self._id, at, lines))
        self._event, self._data, self._fields = "", [], set()
