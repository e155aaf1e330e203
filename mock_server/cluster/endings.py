"""What a peer says instead of a response, in marks that contain the secret, as no response does.

The owner sees the connection of a peer, so it says over that how a fault ends the connection of the
client: in the last bytes before it closes. A peer that does not own a world says so at once.
"""

import asyncio
import hmac
import socket
import struct
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PROOF = b"x-mock-peer"
_NOT_OWNED = b"x-mock-not-owned"
_MISDIRECTED = b"HTTP/1.1 421 Misdirected Request\r\n" + _NOT_OWNED + b": %b\r\n"

NO_SECRET = b"\0"
"""The first byte of a mark, before the secret."""

_MOST_SECONDS = 2.0
"""Real seconds for which a peer can take to read how the connection of the client ends."""

_NO_LINGERING = struct.pack("ii", 1, 0)


class Endings:
    """The marks of peers that have the same ``secret``."""

    def __init__(self, secret: str) -> None:
        self.close = f"\0{secret} close\n".encode()
        self.reset = f"\0{secret} reset\n".encode()
        self.marks = (self.close, self.reset)
        self.misdirected = _MISDIRECTED % secret.encode()
        self._secret = secret.encode()
        proof = hmac.new(self._secret, b"peer", "sha256").hexdigest()
        self.proof = (_PROOF, proof.encode())
        """The header field of a response to a peer, which only a peer can send."""

    def begun(self, data: bytes) -> int:
        """Return how many of the last bytes of ``data`` can be the begin of a mark."""
        at = data.rfind(NO_SECRET, -len(self.close))
        if at < 0 or not any(mark.startswith(data[at:]) for mark in self.marks):
            return 0
        return len(data) - at

    def cut(self, data: bytes) -> tuple[bytes, bool]:
        """Return ``data`` without its mark, and whether that means a reset."""
        mark = self.reset if data.endswith(self.reset) else self.close
        return data.removesuffix(mark), mark is self.reset

    def with_proof(self, app: ASGIApp) -> ASGIApp:
        """Return an application that responds as ``app``, with the proof."""

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            async def proven(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message = {**message, "headers": [*message.get("headers", ()), self.proof]}
                await send(message)

            await app(scope, receive, proven)

        return respond

    async def misdirect(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Respond, as an application, that this process does not own the world."""
        headers = [(_NOT_OWNED, self._secret), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 421, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


class ForwardedConnection:
    """The client's connection, as a fault sees it that ends it."""

    __slots__ = ("_endings", "_transport")

    def __init__(self, transport: Any, endings: Endings) -> None:
        self._transport = transport
        self._endings = endings

    def get_extra_info(self, _name: str) -> "ForwardedConnection":
        """Return the socket: its options are those of the client's."""
        return self

    def is_closing(self) -> bool:
        """Return whether the peer has left, as it does when the client has."""
        return bool(self._transport.is_closing())

    def setsockopt(self, *_option: Any) -> None:
        """Leave that to the process that has the socket."""

    def close(self) -> None:
        """Close the client's connection."""
        self._end(self._endings.close)

    def abort(self) -> None:
        """Reset the client's connection."""
        self._end(self._endings.reset)

    def _end(self, mark: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(mark)
        # The peer leaves when it has read the mark. Closing at once, while it still sends a body,
        # would reset the connection, and the mark could be lost.
        asyncio.get_running_loop().call_later(_MOST_SECONDS, self._transport.close)


def end(transport: Any, *, reset: bool) -> None:
    """End the connection of a client as the owner has said."""
    if not reset:
        transport.close()
        return
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
    transport.abort()
