"""The layer before the operations that shows a world only while no other process can own it.

A process that was paused may have lost its worlds meanwhile, without having noticed. So the
ownership is checked when a request arrives, and before each part of a response.
"""

from collections.abc import Awaitable
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_server.http.call import CALL, Call


class Claim(Protocol):
    """The ownership of one world, from when it was opened until it is closed."""

    async def confirm(self) -> None:
        """Be certain to own the world, now. Raise HttpError (503) otherwise."""

    @property
    def certain(self) -> bool:
        """Whether no other process can own the world."""


class Claims(Protocol):
    """The worlds that this process owns."""

    def claim_on(self, world: str) -> Claim | None:
        """Return the ownership of the world of that name; None for one that is not open."""


class LeaseGuardMiddleware:
    """Check the ownership of the world of a request; raise HttpError (503) when it is lost."""

    def __init__(self, app: ASGIApp, claims: Claims) -> None:
        self.app = app
        self._claims = claims

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call: Call | None = scope.get(CALL)
        claim = None if call is None else self._claims.claim_on(call.tenant)
        if call is None or claim is None:
            await self.app(scope, receive, send)
            return
        if not claim.certain:
            await claim.confirm()
        owned = claim

        def send_if_owned(message: Message) -> Awaitable[None]:
            return send(message) if owned.certain else _confirm(owned, send, message)

        await self.app(scope, receive, send_if_owned)


async def _confirm(claim: Claim, send: Send, message: Message) -> None:
    await claim.confirm()
    await send(message)
