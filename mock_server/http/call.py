"""A call of an operation, validated, and the responses that an operation can return."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import orjson
from starlette.types import Receive, Send

from mock_server.journal.exchange import Exchange
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World

CALL = "mock_server.http.call"
"""The key of the call in an ASGI scope."""


class Call:
    """The input of an operation: the tenant, and the validated parameters and body.

    ``world`` is the tenant's world; it is set by ``enter``.
    """

    __slots__ = ("body", "exchange", "parameters", "tenant", "world", "worlds")

    parameters: dict[str, Any]
    body: dict[str, Any]
    world: World

    def __init__(self, worlds: Worlds, tenant: str, exchange: Exchange) -> None:
        self.worlds = worlds
        self.tenant = tenant
        self.exchange = exchange

    async def enter(self) -> World:
        """Open the tenant's world if necessary and let it catch up with its clock.

        Call it again after time has passed. Raise HttpError: 409 when the mock holds no further
        world, 503 when the world cannot keep up with its clock.
        """
        world = self.worlds.current(self.tenant)
        if world is None:
            world = await self.worlds.open(self.tenant)
        self.world = world
        return world


class Response(Protocol):
    """A response that sends itself."""

    async def __call__(self, receive: Receive, send: Send) -> None: ...


Handler = Callable[[Call], Response]
"""The function of an operation."""


class Recorder(Protocol):
    """Calls the functions of operations that change worlds, and records the changes."""

    def records(self, operation: str) -> bool:
        """Return whether that operation changes a world."""

    async def carry_out(self, operation: str, call: Call) -> Response:
        """Call the function of that operation, and return its response. Raise what it raises, and
        HttpError (503) for a change that cannot be recorded and was not made."""


class BodyResponse:
    """A response whose body is complete, by default JSON."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> None:
        self._status = status
        self._body = body
        self._headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", b"%d" % len(body)),
        ]
        if headers:
            for name, value in headers.items():
                self._headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))

    @classmethod
    def json(
        cls,
        value: object,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> "BodyResponse":
        """Return a response with ``value`` as JSON."""
        return cls(orjson.dumps(value), status, headers, content_type)

    async def __call__(self, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self._status, "headers": self._headers}
        )
        await send({"type": "http.response.body", "body": self._body})


class DeferredResponse:
    """A response that is computed while the event loop serves other requests."""

    __slots__ = ("_work",)

    def __init__(self, work: Awaitable[Response]) -> None:
        self._work = work

    async def __call__(self, receive: Receive, send: Send) -> None:
        response = await self._work
        await response(receive, send)

    async def complete(self) -> Response:
        """Return the response when it is computed."""
        return await self._work


async def completed(response: Response) -> Response:
    """Return the response that is ready to be sent."""
    while isinstance(response, DeferredResponse):
        response = await response.complete()
    return response


class NoContent:
    """A response without a body: 204, or the head of a stream."""

    __slots__ = ("_headers", "_status")

    def __init__(
        self, headers: Mapping[str, str] = MappingProxyType({}), status: int = 204
    ) -> None:
        self._status = status
        self._headers = [(name.lower().encode(), text.encode()) for name, text in headers.items()]

    async def __call__(self, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self._status, "headers": self._headers}
        )
        await send({"type": "http.response.body", "body": b""})
