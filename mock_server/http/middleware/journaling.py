"""The layer that records every request and turns exceptions into error responses."""

from collections.abc import Awaitable, Iterator
from itertools import count

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_server.engine.behaviour import Behaviour, UnknownParameter
from mock_server.engine.clock import SECOND, to_http_date, wall
from mock_server.errors import HttpError
from mock_server.faults.delay import until_disconnected
from mock_server.http.call import CALL
from mock_server.http.error_responses import error_response
from mock_server.http.middleware.faults import CONNECTION
from mock_server.journal.exchange import EXCHANGE, VARY, Exchange, ExchangeCounter
from mock_server.journal.journal import UnassignedJournal

_INTERNAL = Behaviour(unknown_parameters=UnknownParameter.INVALID)
"""The behaviour of the control API and the pages, whatever the mock or a world is set to: if a
misspelt ``world`` parameter were ignored, the call would change another world."""


class JournalingMiddleware:
    """Create an ``Exchange`` for each request, record it, and convert exceptions to responses.

    ``unassigned`` is the journal of requests that reach no world. Paths that start with one of
    ``internal`` belong to the mock itself: they are not recorded, and the open questions of the
    contract do not apply to them. ``numbers`` are those of the requests.
    """

    def __init__(
        self,
        app: ASGIApp,
        unassigned: UnassignedJournal,
        counter: ExchangeCounter,
        internal: tuple[str, ...],
        numbers: Iterator[int] | None = None,
    ) -> None:
        self.app = app
        self._numbers = count(1) if numbers is None else numbers
        self._unassigned = unassigned
        self._counter = counter
        self._internal = internal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        internal = scope["path"].startswith(self._internal) or scope["path"] == "/"
        behaviour = _INTERNAL if internal else self._unassigned.behaviour
        exchange = Exchange(
            next(self._numbers), scope, send, behaviour, self._unassigned, self._counter
        )
        scope[EXCHANGE] = exchange
        send = _with_headers(send) if internal else exchange.send
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            pass  # Without a client there is no response.
        except Exception as error:
            try:
                await error_response(error, exchange)(receive, send)
            except RuntimeError:
                # The response had started, so the server can only close the connection.
                if not isinstance(error, HttpError):
                    raise error from None
                scope["extensions"][CONNECTION].close()  # It was ended for a reason.
                await until_disconnected(receive)
        finally:
            if internal:
                exchange.release()
            else:
                exchange.end()
            # The server keeps the scope until the next request of the connection, and a call can
            # hold a complete world.
            scope.pop(CALL, None)


def _with_headers(send: Send) -> Send:
    """Return ``send`` with the headers that an exchange adds to the responses of the API."""

    def send_with_headers(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), VARY]
            if not any(name.lower() == b"date" for name, _ in headers):  # A file has one.
                headers.append((b"date", to_http_date(wall() // SECOND)))
            message["headers"] = headers
        return send(message)

    return send_with_headers
