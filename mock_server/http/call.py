"""A call of an operation, checked and ready to be answered, and the answer to it."""

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

import orjson
from starlette.types import Receive, Send

from mock_server.journal.exchange import Exchange
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World


class Call:
    """What an operation gets: who calls, and the request's values, which are as the contract asks
    for. ``world`` is the caller's, once the call has entered it."""

    __slots__ = ("body", "exchange", "parameters", "tenant", "world", "worlds")

    parameters: dict[str, Any]
    body: dict[str, Any]
    world: World

    def __init__(self, worlds: Worlds, tenant: str, exchange: Exchange) -> None:
        self.worlds = worlds
        self.tenant = tenant
        self.exchange = exchange

    async def enter(self) -> World:
        """Enter the caller's world, opened if need be, caught up to its now; once more where time
        has passed since. Raises HttpError: 409 when there is no room, 503 when it is far behind."""
        world = self.worlds.current(self.tenant)
        if world is None:
            world = await self.worlds.open(self.tenant)
        self.world = world
        return world


class Response(Protocol):
    """What an operation gives back: something that sends itself."""

    async def __call__(self, receive: Receive, send: Send) -> None: ...


class BodyResponse:
    """A JSON answer, whole."""

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
    def of(
        cls,
        value: object,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> "BodyResponse":
        """``value`` as JSON."""
        return cls(orjson.dumps(value), status, headers, content_type)

    async def __call__(self, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self._status, "headers": self._headers}
        )
        await send({"type": "http.response.body", "body": self._body})


class DeferredResponse:
    """The answer that ``work`` comes to, while others are answered."""

    __slots__ = ("_work",)

    def __init__(self, work: Awaitable[Response]) -> None:
        self._work = work

    async def __call__(self, receive: Receive, send: Send) -> None:
        answer = await self._work
        await answer(receive, send)


class NoContent:
    """An answer without a body: 204."""

    async def __call__(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
