"""A subscriber of one event stream on a socket of its own, down to how the connection ends.

HTTP clients hide whether a body was ended by the server or by a broken connection, and keep a
socket's buffers and its closing to themselves. These tests are about just that.
"""

import re
import socket
import struct
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from processes import PATIENCE

_CHUNK = re.compile(rb"([0-9a-fA-F]+)\r\n")


class EventSubscriber:
    """Opens the stream of a run. ``buffer`` limits how many bytes wait here while nothing is read.
    Raise ConnectionError when the response is not a stream."""

    def __init__(self, url: str, run_id: str, key: str, *, buffer: int | None = None) -> None:
        address = urlsplit(url)
        self._socket = socket.socket()
        self._socket.settimeout(PATIENCE)
        if buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.connect((address.hostname, address.port))
        self._socket.sendall(
            f"GET /api/v1/automation-runs/{run_id}/events HTTP/1.1\r\n"
            f"Host: {address.netloc}\r\nX-API-Key: {key}\r\n\r\n".encode()
        )
        self._raw = bytearray()
        self.body = bytearray()
        """The body as far as it was read, free of its chunks."""
        self.ended = False
        """Whether the server has ended the body in good order."""
        while b"\r\n\r\n" not in self._raw:
            self._receive()
        head, _, self._raw = self._raw.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            self._socket.close()
            raise ConnectionError(bytes(head + self._raw).decode("latin-1"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    @property
    def ids(self) -> list[int]:
        """The ids of the events read so far."""
        return [int(number) for number in re.findall(rb"^id: (\d+)$", self.body, re.MULTILINE)]

    def read_until(self, text: bytes, times: int = 1) -> None:
        """Read until the body holds ``text`` so many times. Raises ConnectionError if it ends."""
        while self.body.count(text) < times:
            if self.ended:
                raise ConnectionError(f"the stream ended without {text!r}")
            self._read()

    def read_to_end(self) -> bytes:
        """The whole body. Raises ConnectionError if the connection breaks before its end."""
        while not self.ended:
            self._read()
        return bytes(self.body)

    def hurry(self) -> None:
        """Let as much wait as there is room for; lifts the limit that ``buffer`` set."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_194_304)

    def vanish(self) -> None:
        """Reset the connection, as a process that dies or a cable that is pulled does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _read(self) -> None:
        while not self._take_chunk():
            self._receive()

    def _take_chunk(self) -> bool:
        size = _CHUNK.match(self._raw)
        if size is None:
            return False
        length, begin = int(size[1], 16), size.end()
        if len(self._raw) < begin + length + 2:
            return False
        self.body += self._raw[begin : begin + length]
        del self._raw[: begin + length + 2]
        self.ended = length == 0
        return True

    def _receive(self) -> None:
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionError(f"the connection ended behind {bytes(self._raw[-80:])!r}")
        self._raw += data
