"""The layer between validation and operations that applies faults to responses.

The rules of its world apply to a request, unless the request itself asks for a code, an example or
a fault. The control API and the pages have no faults. Without rules a request passes without
further work.
"""

import socket
import struct
from collections.abc import Awaitable, Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.engine.enums import Operation
from mock_server.errors import HttpError, RequestValidationError
from mock_server.faults.active_rules import AppliedFault
from mock_server.faults.delay import until_disconnected
from mock_server.faults.fault import Ending, Responder, ResponseAborted
from mock_server.faults.rules import Preset
from mock_server.http.call import CALL, Call
from mock_server.http.error_responses import error_response
from mock_server.http.middleware.prefer import (
    Examples,
    Preference,
    has_preferences,
    preferences,
    requested_rules,
)

CONNECTION = "mock_server.connection"
"""The extension of an ASGI scope that holds the connection's transport."""

_NO_LINGERING = struct.pack("ii", 1, 0)
_OPERATIONS: dict[str | None, Operation] = {str(operation): operation for operation in Operation}


class FaultsMiddleware:
    """Apply faults to the responses of the contract's operations."""

    def __init__(self, app: ASGIApp, examples: Examples, presets: Mapping[str, Preset]) -> None:
        self.app = app
        self._examples = examples
        self._presets = presets

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not a coroutine: nearly every request passes without faults.
        call: Call | None = scope.get(CALL)
        operation = None if call is None else _OPERATIONS.get(call.exchange.operation)
        if call is not None and operation is not None:
            if has_preferences(scope["headers"], scope["query_string"]):
                preferred = preferences(scope["headers"], scope["query_string"])
                if preferred:
                    return self._respond_as_preferred(preferred, operation, scope, receive, send)
            faults = call.world.faults
            if faults.response_rules:
                applied = faults.select(operation, call.exchange, call.world.engine.now)
                respond = self._operation(scope)
                return _respond_with_faults(respond, applied, scope, receive, send)
        return self.app(scope, receive, send)

    async def _respond_as_preferred(
        self,
        preferred: Mapping[str, Preference],
        operation: Operation,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        call: Call = scope[CALL]
        fault = preferred.get("fault")
        rules = [] if fault is None else requested_rules(fault, operation, self._presets)
        applied = call.world.faults.select_requested(rules, operation, call.exchange)
        respond: Responder
        try:
            respond = self._examples.response(operation, preferred) or self._operation(scope)
        except HttpError as error:
            respond = error_response(error, call.exchange)
        header = ", ".join(f'{name}="{one.text}"' for name, one in sorted(preferred.items()))
        call.exchange.extra_headers += ((b"preference-applied", header.encode("latin-1")),)
        await _respond_with_faults(respond, applied, scope, receive, send)

    def _operation(self, scope: Scope) -> Responder:
        """Return a function that calls the operation and sends its response."""

        async def respond(receive: Receive, send: Send) -> None:
            await scope[CALL].enter()
            await self.app(scope, receive, send)

        return respond


async def _respond_with_faults(
    respond: Responder, applied: list[AppliedFault], scope: Scope, receive: Receive, send: Send
) -> None:
    call: Call = scope[CALL]
    respond = _with_error_response(respond, call)
    for fault, context in applied:
        respond = _with_error_response(fault.wrap(respond, context), call)
    try:
        await respond(receive, send)
    except ResponseAborted as aborted:
        await _end_response(aborted.ending, call, scope, receive, send)


def _with_error_response(respond: Responder, call: Call) -> Responder:
    """Return ``respond`` with exceptions as responses, so that faults apply to these too."""

    async def respond_or_fail(receive: Receive, send: Send) -> None:
        try:
            await respond(receive, send)
        except (HttpError, RequestValidationError) as error:
            await error_response(error, call.exchange)(receive, send)

    return respond_or_fail


async def _end_response(
    ending: Ending, call: Call, scope: Scope, receive: Receive, send: Send
) -> None:
    """End a response that was cut short.

    Raise RuntimeError under a server that does not pass the connection on; it then closes the
    connection itself.
    """
    match ending:
        case Ending.HELD:
            await call.world.faults.delays.wait(None, receive)
            await send({"type": "http.response.body", "body": b""})
        case Ending.COMPLETE:
            await send({"type": "http.response.body", "body": b""})
        case Ending.CLOSED:
            connection = _connection(scope)
            call.exchange.end()  # Now, not when the client has noticed.
            connection.close()
            await until_disconnected(receive)
        case Ending.RESET:
            connection = _connection(scope)
            # Closing a socket that must not linger resets the connection.
            call.exchange.end()
            sock = connection.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
            connection.abort()
            await until_disconnected(receive)


def _connection(scope: Scope) -> Any:
    connection = scope.get("extensions", {}).get(CONNECTION)
    if connection is None:
        raise RuntimeError("the server does not pass the connection on, so it cannot be closed")
    return connection
