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
from mock_server.errors import Invalid, Refused
from mock_server.faults.delay import Pauses, until_gone
from mock_server.faults.response_faults import Answer, Broken, End
from mock_server.faults.rules import Met, Preset
from mock_server.http.call import Call
from mock_server.http.middleware.prefer import (
    Examples,
    Preference,
    may_prefer,
    preferences,
    wanted_rules,
)
from mock_server.http.middleware.recording import CALL, answer_to

CONNECTION = "mock_server.connection"
"""The extension of an ASGI scope that is the connection's transport."""

_NO_LINGERING = struct.pack("ii", 1, 0)
_OPERATIONS: dict[str | None, Operation] = {str(operation): operation for operation in Operation}


class Disturb:
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
                asked = preferences(scope["headers"], scope["query_string"])
                if asked:
                    return self._asked(asked, operation, scope, receive, send)
            faults = call.world.faults
            if faults.breaks:
                met = faults.meet(operation, call.exchange, call.world.engine.now)
                return self._disturbed(self._operation(scope), met, scope, receive, send)
        return self.app(scope, receive, send)

    async def _asked(
        self,
        asked: Mapping[str, Preference],
        operation: Operation,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        call: Call = scope[CALL]
        fault = asked.get("fault")
        rules = [] if fault is None else wanted_rules(fault, operation, self._presets)
        met = call.world.faults.ask(rules, operation, call.exchange)
        try:
            answer: Answer = self._examples.answer(operation, asked) or self._operation(scope)
        except Refused as error:
            answer = answer_to(error, call.exchange)
        applied = ", ".join(f'{name}="{one.text}"' for name, one in sorted(asked.items()))
        call.exchange.added += ((b"preference-applied", applied.encode("latin-1")),)
        await self._disturbed(answer, met, scope, receive, send)

    def _operation(self, scope: Scope) -> Answer:
        """What the operation itself answers, once it is its turn."""

        async def operation(receive: Receive, send: Send) -> None:
            await scope[CALL].enter()
            await self.app(scope, receive, send)

        return operation

    @staticmethod
    async def _disturbed(
        answer: Answer, met: list[Met], scope: Scope, receive: Receive, send: Send
    ) -> None:
        call: Call = scope[CALL]
        pauses = call.world.faults.pauses
        answer = _answering(answer, call)
        for fault, hit in met:
            answer = _answering(fault.around(answer, hit), call)
        try:
            await answer(receive, send)
        except Broken as broken:
            await _break(broken.end, scope, pauses, receive, send)


def _answering(answer: Answer, call: Call) -> Answer:
    """``answer``, in which a refusal is an answer too, so that a fault can befall it."""

    async def answering(receive: Receive, send: Send) -> None:
        try:
            await answer(receive, send)
        except (Refused, Invalid) as error:
            await answer_to(error, call.exchange)(receive, send)

    return answering


async def _break(end: End, scope: Scope, pauses: Pauses, receive: Receive, send: Send) -> None:
    """End an answer that is cut short. Raises RuntimeError under a server that does not hand over
    the connection; it then breaks it off by itself."""
    match end:
        case End.HELD:
            await pauses.wait(None, receive)
            await send({"type": "http.response.body", "body": b""})
        case End.COMPLETE:
            await send({"type": "http.response.body", "body": b""})
        case End.CLOSED:
            _connection(scope).close()
            await until_gone(receive)
        case End.RESET:
            connection = _connection(scope)
            # Closing a socket that must not linger resets the connection.
            plug = connection.get_extra_info("socket")
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
            connection.abort()
            await until_gone(receive)


def _connection(scope: Scope) -> Any:
    connection = scope.get("extensions", {}).get(CONNECTION)
    if connection is None:
        raise RuntimeError("the server does not hand over the connection, so it cannot be broken")
    return connection
