"""The layer between checks and operations in which answers go wrong.

A request meets the rules of its world; when it asks for a code, an example or a fault by itself, it
meets that and no rule. The control API and the pages are never disturbed. As long as nobody asks
for anything, a request passes at once.
"""

import socket
import struct
from collections.abc import Awaitable, Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.engine.enums import Operation
from mock_server.errors import HttpError, RequestValidationError
from mock_server.faults.delay import Delays, until_disconnected
from mock_server.faults.response_faults import Ending, Response, ResponseAborted
from mock_server.faults.rules import AppliedFault, Preset
from mock_server.http.call import Call
from mock_server.http.middleware.prefer import (
    Examples,
    Preference,
    may_prefer,
    preferences,
    wanted_rules,
)
from mock_server.http.middleware.recording import CALL, error_response

CONNECTION = "mock_server.connection"
"""The extension of an ASGI scope that is the connection's transport."""

_NO_LINGERING = struct.pack("ii", 1, 0)
_OPERATIONS: dict[str | None, Operation] = {str(operation): operation for operation in Operation}


class FaultsMiddleware:
    """Applies faults to the answers of the contract's operations."""

    def __init__(self, app: ASGIApp, examples: Examples, presets: Mapping[str, Preset]) -> None:
        self.app = app
        self._examples = examples
        self._presets = presets

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # No coroutine of its own: nearly every request only passes.
        call: Call | None = scope.get(CALL)
        operation = None if call is None else _OPERATIONS.get(call.exchange.operation)
        if call is not None and operation is not None:
            if may_prefer(scope["headers"], scope["query_string"]):
                preferred = preferences(scope["headers"], scope["query_string"])
                if preferred:
                    return self._respond_with_preferences(
                        preferred, operation, scope, receive, send
                    )
            faults = call.world.faults
            if faults.breaks:
                applied = faults.select(operation, call.exchange, call.world.engine.now)
                return self._respond_with_faults(
                    self._operation(scope), applied, scope, receive, send
                )
        return self.app(scope, receive, send)

    async def _respond_with_preferences(
        self,
        preferred: Mapping[str, Preference],
        operation: Operation,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        call: Call = scope[CALL]
        fault = preferred.get("fault")
        rules = [] if fault is None else wanted_rules(fault, operation, self._presets)
        applied = call.world.faults.select_requested(rules, operation, call.exchange)
        try:
            response: Response = self._examples.answer(operation, preferred) or self._operation(
                scope
            )
        except HttpError as error:
            response = error_response(error, call.exchange)
        header = ", ".join(f'{name}="{one.text}"' for name, one in sorted(preferred.items()))
        call.exchange.added += ((b"preference-applied", header.encode("latin-1")),)
        await self._respond_with_faults(response, applied, scope, receive, send)

    def _operation(self, scope: Scope) -> Response:
        """What the operation itself answers, once it is its turn."""

        async def operation(receive: Receive, send: Send) -> None:
            await scope[CALL].enter()
            await self.app(scope, receive, send)

        return operation

    @staticmethod
    async def _respond_with_faults(
        response: Response, applied: list[AppliedFault], scope: Scope, receive: Receive, send: Send
    ) -> None:
        call: Call = scope[CALL]
        delays = call.world.faults.delays
        response = _with_error_response(response, call)
        for fault, context in applied:
            response = _with_error_response(fault.wrap(response, context), call)
        try:
            await response(receive, send)
        except ResponseAborted as aborted:
            await _end_response(aborted.end, scope, delays, receive, send)


def _with_error_response(response: Response, call: Call) -> Response:
    """``response``, in which a refusal is an answer too, so that a fault can befall it."""

    async def respond(receive: Receive, send: Send) -> None:
        try:
            await response(receive, send)
        except (HttpError, RequestValidationError) as error:
            await error_response(error, call.exchange)(receive, send)

    return respond


async def _end_response(
    end: Ending, scope: Scope, delays: Delays, receive: Receive, send: Send
) -> None:
    """End an answer that is cut short. Raises RuntimeError under a server that does not hand over
    the connection; it then breaks it off by itself."""
    match end:
        case Ending.HELD:
            await delays.wait(None, receive)
            await send({"type": "http.response.body", "body": b""})
        case Ending.COMPLETE:
            await send({"type": "http.response.body", "body": b""})
        case Ending.CLOSED:
            _connection(scope).close()
            await until_disconnected(receive)
        case Ending.RESET:
            connection = _connection(scope)
            # Closing a socket that must not linger resets the connection.
            sock = connection.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
            connection.abort()
            await until_disconnected(receive)


def _connection(scope: Scope) -> Any:
    connection = scope.get("extensions", {}).get(CONNECTION)
    if connection is None:
        raise RuntimeError("the server does not hand over the connection, so it cannot be broken")
    return connection
