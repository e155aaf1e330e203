"""Find where HTTP/1.1 messages begin and end in a stream of bytes, without changing any: the parts
that `feed` returns contain every byte that was fed, in order.

A parser library gives messages, not the bytes that they were spelled with, and rejects what a
target may accept; what is forwarded here must be the same bytes.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

Headers = tuple[tuple[bytes, bytes], ...]

MAX_HEAD = 1024 * 1024
_MAX_LINE = 16 * 1024
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE = re.compile(rb"\A([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/1\.([01])\r?")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?\r?")
_FIELD = re.compile(rb"\A([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r?")
_DIGITS = re.compile(rb"\d{1,18}")


@dataclass(frozen=True, slots=True)
class Head:
    """The first lines of a message. `method` and `target` are those of a request, `status` is that
    of a response. `faults` are deviations from RFC 9112 that do not hide where the message ends."""

    raw: bytes
    headers: Headers
    method: str = ""
    target: bytes = b""
    status: int = 0
    faults: tuple[str, ...] = ()

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of a header field; the name is in lower case."""
        return [value for each, value in self.headers if each.lower() == name]

    @property
    def interim(self) -> bool:
        """Whether another response to the same request follows."""
        return 100 <= self.status < 200 and self.status != 101


@dataclass(frozen=True, slots=True)
class Body:
    """A part of a body: the bytes on the wire, and the content in them."""

    raw: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The end of a message."""

    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Opaque:
    """Bytes that are not an HTTP message, from here to the end of the connection; `why` is empty
    after a switch of protocols."""

    raw: bytes
    why: str = ""


Part = Head | Body | End | Opaque


class HeadTooLarge(Exception):  # noqa: N818 - a fact about a message
    """The first lines exceed the bound."""


class _State(Enum):
    HEAD = auto()
    LENGTH = auto()
    CHUNK_SIZE = auto()
    CHUNK_DATA = auto()
    CHUNK_END = auto()
    TRAILERS = auto()
    UNTIL_CLOSE = auto()
    OPAQUE = auto()


_PLAIN = (_State.LENGTH, _State.CHUNK_DATA)


@dataclass(slots=True)
class Framer:
    """One direction of a connection. Of responses `methods` has the methods of the requests that
    they are for, oldest first; None for the direction of requests."""

    methods: deque[str] | None = None
    _buffer: bytearray = field(default_factory=bytearray)
    _state: _State = _State.HEAD
    _left: int = 0
    _searched: int = 0
    _why: str = ""

    def feed(self, data: bytes) -> list[Part]:
        """Return the parts that these bytes complete. Raise HeadTooLarge."""
        if self._state is _State.OPAQUE and not self._buffer:
            return [Opaque(data, self._why)]
        if self._state in _PLAIN and not self._buffer and len(data) < self._left:
            # Most of a large body: not copied.
            self._left -= len(data)
            return [Body(data, data)]
        self._buffer += data
        parts: list[Part] = []
        while (part := self._next()) is not None:
            parts.append(part)
        return parts

    def finish(self) -> list[Part]:
        """Return the parts that the end of the connection completes."""
        parts: list[Part] = []
        if self._state is _State.UNTIL_CLOSE:
            parts.append(End())
        elif self._buffer:
            # Cut off, which is not malformed.
            parts.append(Opaque(bytes(self._buffer)))
        self._buffer.clear()
        self._state = _State.OPAQUE
        return parts

    @property
    def within_message(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer) or self._state not in (_State.HEAD, _State.OPAQUE)

    def switch(self, why: str = "") -> None:
        """Take what comes for opaque bytes."""
        self._state, self._why = _State.OPAQUE, why

    def _next(self) -> Part | None:  # noqa: PLR0911 - one for each state
        match self._state:
            case _State.HEAD:
                return self._head()
            case _State.LENGTH | _State.CHUNK_DATA:
                return self._content()
            case _State.CHUNK_SIZE:
                return self._chunk_size()
            case _State.CHUNK_END:
                return self._line_end()
            case _State.TRAILERS:
                return self._trailers()
            case _State.UNTIL_CLOSE:
                return self._rest()
            case _:
                return Opaque(self._take(len(self._buffer)), self._why) if self._buffer else None

    def _head(self) -> Part | None:
        buffer = self._buffer
        if not buffer:
            return None
        start = len(buffer) - len(buffer.lstrip(b"\r\n")) if self.methods is None else 0
        found = _HEAD_END.search(buffer, max(start, self._searched - 3))
        if found is None:
            self._searched = len(buffer)
            if len(buffer) > MAX_HEAD and self.methods is None:
                raise HeadTooLarge
            if len(buffer) > MAX_HEAD:
                return self._not_http()
            return self._not_http() if not _may_begin(buffer, self.methods is None) else None
        self._searched = 0
        raw = self._take(found.end())
        head = _parsed(raw, is_request=self.methods is None)
        if isinstance(head, str):
            self.switch(head)
            return Opaque(raw, head)
        why = self._begin_body(head)
        if why:
            self.switch(why)
            return Opaque(raw, why)
        return head

    def _not_http(self) -> Part:
        self.switch("it is not an HTTP/1.1 message")
        return Opaque(self._take(len(self._buffer)), self._why)

    def _begin_body(self, head: Head) -> str:
        """Set the state after a head; return why the end of its body is unknown, if it is."""
        if self.methods is not None:
            return self._begin_response(head)
        return self._framing(head, is_request=True)

    def _begin_response(self, head: Head) -> str:
        if self.methods is None or head.interim:
            self._state, self._left = _State.LENGTH, 0
            return ""
        method = self.methods.popleft() if self.methods else "GET"
        if head.status == 101 or (method == "CONNECT" and 200 <= head.status < 300):
            self._state = _State.OPAQUE
            return ""
        if method == "HEAD" or head.status in (204, 304):
            self._state, self._left = _State.LENGTH, 0
            return ""
        return self._framing(head, is_request=False)

    def _framing(self, head: Head, *, is_request: bool) -> str:
        codings = b",".join(head.values(b"transfer-encoding")).lower()
        lengths = {each.strip() for v in head.values(b"content-length") for each in v.split(b",")}
        if codings:
            if codings.rpartition(b",")[2].strip() == b"chunked":
                self._state = _State.CHUNK_SIZE
            elif is_request:
                return f"its Transfer-Encoding is {codings.decode('latin-1')!r}, without an end"
            else:
                self._state = _State.UNTIL_CLOSE
            return ""
        if not lengths:
            self._state, self._left = _State.LENGTH, 0
            if not is_request:
                self._state = _State.UNTIL_CLOSE
            return ""
        (length, *others) = lengths
        if others or not _DIGITS.fullmatch(length):
            shown = b", ".join(sorted(lengths)).decode("latin-1")
            return f"its Content-Length is {shown!r}"
        self._state, self._left = _State.LENGTH, int(length)
        return ""

    def _content(self) -> Part | None:
        if not self._left:
            if self._state is _State.CHUNK_DATA:
                self._state = _State.CHUNK_END
                return self._line_end()
            self._state = _State.HEAD
            return End()
        if not self._buffer:
            return None
        raw = self._take(min(self._left, len(self._buffer)))
        self._left -= len(raw)
        return Body(raw, raw)

    def _chunk_size(self) -> Part | None:
        line = self._line()
        if line is None:
            return None
        found = _CHUNK_SIZE.fullmatch(line[:-1])
        if found is None:
            self.switch(f"a chunk begins with {line[:40]!r}")
            return Opaque(line, self._why)
        self._left = int(found[1], 16)
        self._state = _State.CHUNK_DATA if self._left else _State.TRAILERS
        return Body(line, b"")

    def _line_end(self) -> Part | None:
        if not self._buffer or (self._buffer[:1] == b"\r" and len(self._buffer) == 1):
            return None
        for end in (b"\r\n", b"\n"):
            if self._buffer.startswith(end):
                self._state = _State.CHUNK_SIZE
                return Body(self._take(len(end)), b"")
        self.switch("a chunk is longer than it says")
        return Opaque(self._take(len(self._buffer)), self._why)

    def _trailers(self) -> Part | None:
        line = self._line()
        if line is None:
            return None
        if line.strip(b"\r\n"):
            return Body(line, b"")
        self._state = _State.HEAD
        return End(line)

    def _rest(self) -> Part | None:
        if not self._buffer:
            return None
        raw = self._take(len(self._buffer))
        return Body(raw, raw)

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > _MAX_LINE:
                self.switch("a line within the body does not end")
                return self._take(len(self._buffer))
            return None
        return self._take(end + 1)

    def _take(self, size: int) -> bytes:
        if size == len(self._buffer):
            taken = bytes(self._buffer)
            self._buffer.clear()
        else:
            taken = bytes(self._buffer[:size])
            del self._buffer[:size]
        return taken


def _may_begin(buffer: bytearray, is_request: bool) -> bool:
    """Whether an HTTP message may begin like this."""
    start = bytes(buffer[:64]).lstrip(b"\r\n") if is_request else bytes(buffer[:9])
    if is_request:
        return not start or re.match(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?: |$)", start) is not None
    return b"HTTP/1.".startswith(start[:7])


def _parsed(raw: bytes, *, is_request: bool) -> Head | str:
    """Return the head, or why it is none."""
    body = raw.lstrip(b"\r\n") if is_request else raw
    first, *lines = body.rstrip(b"\r\n").split(b"\n")
    found = (_REQUEST_LINE if is_request else _STATUS_LINE).fullmatch(first)
    if found is None:
        return f"its first line is {first[:80].decode('latin-1')!r}"
    fields: list[tuple[bytes, list[bytes]]] = []
    faults: list[str] = []
    for line in lines:
        text = line.removesuffix(b"\r")
        if text[:1] in (b" ", b"\t") and fields:
            faults.append("a header field continues on another line")
            fields[-1][1].append(text.strip())
            continue
        header = _FIELD.fullmatch(text)
        if header is None:
            name = text.partition(b":")[0][:40]
            faults.append(f"the header field {name.decode('latin-1')!r} is malformed")
        else:
            fields.append((header[1], [header[2].strip(b" \t")]))
    headers = [(name, b" ".join(parts)) for name, parts in fields]
    head = Head(
        raw,
        tuple(headers),
        method=found[1].decode() if is_request else "",
        target=found[2] if is_request else b"",
        status=0 if is_request else int(found[2]),
        faults=tuple(faults),
    )
    if head.values(b"transfer-encoding") and head.values(b"content-length"):
        faults.append("it has both Transfer-Encoding and Content-Length")
    if is_request and first.rstrip(b"\r").endswith(b"1.1") and len(head.values(b"host")) != 1:
        faults.append(f"it has {len(head.values(b'host'))} Host header fields")
    return Head(raw, head.headers, head.method, head.target, head.status, faults=tuple(faults))
