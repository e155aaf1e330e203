"""Carry what was observed from the process that relays to the one that judges. The queue is
bounded: what does not fit is dropped and counted, and the relay never waits for it."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO, Protocol

MAX_QUEUE = 16 * 1024 * 1024
_HEADER = struct.Struct("!BIdI")


class Kind(IntEnum):
    """The kinds of message."""

    LISTENING = 1
    FAILED = 2
    REQUEST_HEAD = 3
    REQUEST_BODY = 4
    REQUEST_END = 5
    RESPONSE_HEAD = 6
    RESPONSE_BODY = 7
    RESPONSE_END = 8
    TRUNCATED_REQUEST = 9
    TRUNCATED_RESPONSE = 10
    MALFORMED = 11
    SWITCHED = 12
    UNREACHABLE = 13
    ENFORCED = 14
    CLOSED = 15
    DROPPED = 16
    MALFORMED_RESPONSE = 17
    LOST = 18
    OTHER = 19


@dataclass(frozen=True, slots=True)
class Message:
    """Something that happened on a connection, at a time of the monotonic clock."""

    kind: Kind
    connection: int
    at: float
    data: bytes = b""


class Writer(Protocol):
    """The end of a pipe that does not block."""

    def write(self, data: bytes, /) -> None: ...
    def get_write_buffer_size(self) -> int: ...


class Channel:
    """The sending end."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def send(self, kind: Kind, connection: int, data: bytes = b"") -> bool:
        """Send a message; return False if the queue is full and it was dropped."""
        if self._writer.get_write_buffer_size() > MAX_QUEUE:
            return False
        self.send_always(kind, connection, data)
        return True

    def send_always(self, kind: Kind, connection: int, data: bytes = b"") -> None:
        """Send a small message, also if the queue is full."""
        header = _HEADER.pack(kind, connection, time.monotonic(), len(data))
        self._writer.write(header + data)


def messages(pipe: BinaryIO) -> Iterator[Message]:
    """Yield the messages from a pipe until its end."""
    while len(header := pipe.read(_HEADER.size)) == _HEADER.size:
        kind, connection, at, size = _HEADER.unpack(header)
        data = pipe.read(size)
        if len(data) < size:
            return
        yield Message(Kind(kind), connection, at, data)
