"""A call of an operation, checked and ready to be answered, and the answer to it."""

from typing import Any, Protocol

import orjson
from starlette.types import Receive, Send

from mock_server.http.exchange import Exchange
from mock_server.worlds.world import World
from mock_server.worlds.worlds import Worlds


class Call:
    """What an operation gets: who calls, and the request's values, which are as the contract asks
    for."""

    __slots__ = ("_world", "body", "exchange", "parameters", "tenant", "worlds")

    parameters: dict[str, Any]
    body: dict[str, Any]

    def __init__(self, worlds: Worlds, tenant: str, exchange: Exchange) -> None:
        self.worlds = worlds
        self.tenant = tenant
        self.exchange = exchange
        self._world: World | None = None

    @property
    def world(self) -> World:
        """The caller's world, caught up to its now. Raises Refused (409) when there is no room."""
        if self._world is None:
            self._world = self.worlds.open(self.tenant)
            self._world.catch_up()
        return self._world

    def look_again(self) -> None:
        """Time has passed since the call was checked: the world is to catch up once more, or is
        another one."""
        self._world = None


class Answer(Protocol):
    """What an operation gives back: something that sends itself."""

    async def __call__(self, receive: Receive, send: Send) -> None: ...


class Reply:
    """A JSON answer, whole."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        headers: dict[str, str] | None = None,
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
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> "Reply":
        """``value`` as JSON."""
        return cls(orjson.dumps(value), status, headers, content_type)

    async def __call__(self, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self._status, "headers": self._headers}
        )
        await send({"type": "http.response.body", "body": self._body})


class NoContent:
    """An answer without a body: 204."""

    async def __call__(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
