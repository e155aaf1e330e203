"""Writing the head and the body of a response together."""

import asyncio
from typing import Any


class CoalescingTransport:
    """A transport that writes the head of a response together with the first part of its body.

    uvicorn writes them separately, each a system call and a packet: a fifth of the cost of a small
    response. A head without a body is written on its own in the next turn of the event loop.
    """

    __slots__ = ("_held", "_loop", "_transport", "get_extra_info", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        held = self._held
        if held is not None:
            self._held = None
            self._transport.write(held + data)
        else:
            self._transport.write(data)

    def write_head(self, head: bytes) -> None:
        """Hold the head until the next ``write``, or the next turn of the event loop."""
        self._held = head
        self._loop.call_soon(self._release)

    def write_eof(self) -> None:
        self._release()
        try:
            self._transport.write_eof()
        except OSError:  # The client has reset the connection, which the loop has yet to see.
            self._transport.abort()

    def close(self) -> None:
        self._release()
        self._transport.close()

    def abort(self) -> None:
        self._release()
        self._transport.abort()

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
