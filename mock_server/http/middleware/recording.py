"""The way of a request through the mock, as layers in Connexion's own terms.

``RecordingMiddleware`` keeps the journal and turns whatever goes wrong into JSON. Routing finds the operation.
``ValidationMiddleware`` asks for a credential and holds the request against the contract; ``OperationsMiddleware`` calls
the function that answers. The last two are compiled once per operation and know nothing of Flask:
what belongs to no operation falls through to it.
"""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from itertools import count
from operator import itemgetter
from typing import Any

from connexion.middleware.abstract import ROUTING_CONTEXT, RoutedAPI, RoutedMiddleware
from connexion.operations import AbstractOperation
from connexion.spec import Specification
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.engine.behaviour import Behaviour, ErrorBody, UnknownParameter
from mock_server.engine.run_state import Json
from mock_server.errors import ErrorDetail, HttpError, RequestValidationError
from mock_server.http.call import BodyResponse, Call, Response
from mock_server.http.credentials import Credentials
from mock_server.http.request_schema import MAX_BODY_SIZE, RequestSchema, question_of
from mock_server.journal.coverage import SentParameters
from mock_server.journal.exchange import EXCHANGE, Exchange, ExchangeCounter
from mock_server.journal.journal import UnassignedJournal
from mock_server.worlds.registry import Worlds

CALL = "mock_server.http.call"
_MAX_SCHEMAS = 64
_OWN = Behaviour(unknown_parameters=UnknownParameter.INVALID)
"""How the mock's own API and pages behave, whatever the behaviour of the mock or of a world: with
``world`` misspelt, a call would else drive another world."""

_LOCAL_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\]|[a-z0-9-]+\.localhost)(:\d+)?"

log = logging.getLogger("mock_server")

_name = itemgetter(0)

Handler = Callable[[Call], Response]


class CorsMiddleware(CORSMiddleware):
    """Lets pages that are served from this machine call the mock, with their cookies."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            allow_origin_regex=_LOCAL_ORIGIN,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["*"],
            # With credentials, "*" would be the name of a header.
            expose_headers=[
                "Location",
                "Retry-After",
                "WWW-Authenticate",
                "X-Mock-Request",
                "X-RateLimit-Limit",
                "X-RateLimit-Remaining",
                "X-RateLimit-Reset",
            ],
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:  # type: ignore[override]
        if b"origin" in map(_name, scope.get("headers", ())):
            return super().__call__(scope, receive, send)
        # Not from a page: a third of the way's cost is saved here.
        return self.app(scope, receive, send)


class RecordingMiddleware:
    """The layer that makes an exchange of each request, counts it, and turns whatever goes wrong
    into JSON.

    ``unassigned`` keeps what reaches no world; ``aside`` are the beginnings of paths that are the
    mock's own: they are not journalled, and open questions of the contract are none of theirs.
    """

    def __init__(
        self,
        app: ASGIApp,
        unassigned: UnassignedJournal,
        counts: ExchangeCounter,
        aside: tuple[str, ...],
    ) -> None:
        self.app = app
        self._numbers = count(1)
        self._strays = unassigned
        self._counts = counts
        self._aside = aside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # Nobody speaks it here: 403.
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        own = scope["path"].startswith(self._aside) or scope["path"] == "/"
        behaviour = _OWN if own else self._strays.behaviour
        exchange = Exchange(next(self._numbers), scope, send, behaviour, self._strays, self._counts)
        scope[EXCHANGE] = exchange
        if not own:
            send = exchange.send
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            try:
                await error_response(error, exchange)(receive, send)
            except RuntimeError:
                # The answer had begun; the server can only break the connection off.
                raise error from None
        finally:
            if not own:
                exchange.end()


def error_response(error: Exception, exchange: Exchange) -> BodyResponse:
    """The answer to a request that ``error`` ended; what it was joins the exchange."""
    match error:
        case HttpError():
            exchange.reason, exchange.question = error.reason, error.question
            return _error(exchange, error.status, error.reason, dict(error.headers))
        case RequestValidationError():
            exchange.flaws, exchange.question = error.flaws, error.question
            flaws = [{"loc": f.loc, "msg": f.msg, "type": f.type} for f in error.flaws]
            return BodyResponse.of({"detail": flaws}, 422)
        case HTTPException():
            exchange.reason = error.detail
            return _error(exchange, error.status_code, error.detail, dict(error.headers or {}))
        case _:
            log.error("an operation failed", exc_info=error)
            return _error(exchange, 500, "Internal Server Error", {})


def _error(exchange: Exchange, status: int, reason: str, headers: dict[str, str]) -> BodyResponse:
    if exchange.behaviour.error_body is ErrorBody.DETAIL:
        return BodyResponse.of({"detail": reason}, status, headers)
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": reason,
    }
    return BodyResponse.of(problem, status, headers, content_type="application/problem+json")


class ValidatedOperation:
    """One operation's demands: method, credential, parameters, body."""

    def __init__(
        self,
        next_app: ASGIApp,
        operation: AbstractOperation,
        worlds: Worlds,
        credentials: Credentials,
    ) -> None:
        self._next = next_app
        self._id: str = operation.operation_id
        self._worlds = worlds
        self._credentials = credentials
        # The control API's own token is optional here; whether it is asked for is Safety's say.
        self._guarded = bool(operation.security) and {} not in operation.security
        self._parameters: list[Json] = operation.parameters
        # An operation that puts another world in its place has no use for the one there is.
        self._names_world = any(one["name"] == "world" for one in self._parameters)
        self._enters = self._names_world and not any(
            one.get("x-replaced") for one in self._parameters
        )
        self._body: Json | None = operation.request_body or None
        self._largest: int = (self._body or {}).get("x-largest-body", MAX_BODY_SIZE)
        self._given: SentParameters = set()  # Of calls that no client's world is told about.
        self._contracts: dict[Behaviour, RequestSchema] = {}
        # Nearly all requests: a behaviour takes a while to look up.
        self._usually = worlds.settings.behaviour
        self._usual = self._contract(self._usually)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope[EXCHANGE]
        exchange.operation = self._id
        headers = scope["headers"]
        behaviour, tenant, call = exchange.behaviour, "", None
        given = self._given
        if self._guarded:
            exchange.credential, tenant = self._credentials.tenant(headers, behaviour)
            exchange.tenant = tenant
            call = Call(self._worlds, tenant, exchange)
            world = await call.enter()
            behaviour = exchange.behaviour = world.behaviour
            exchange.at, exchange.journal = world.engine.now, world.journal
            coverage = world.journal.coverage
            coverage.credentials.add(exchange.credential)
            given = coverage.given[self._id]
            if world.faults.limits:
                world.faults.admit(self._id, exchange, exchange.at)
        contract = self._usual if behaviour is self._usually else self._contract(behaviour)
        flaws: list[ErrorDetail] = []
        parameters = contract.parameters(
            scope["path_params"], scope["query_string"], headers, flaws, given
        )
        body: Json = {}
        if contract.body is not None:
            content = await _read(receive, self._largest)
            content_type = next((v for k, v in headers if k == b"content-type"), None)
            text = content_type.decode("latin-1") if content_type is not None else None
            if not content:
                exchange.question = "Q17"
            body = contract.body.value(content, text, flaws, given)
        if flaws:
            raise RequestValidationError(flaws, question=question_of(flaws))
        if call is None:
            tenant = ""
            if self._names_world:
                tenant = self._credentials.world(parameters.get("world"), headers)
            call = Call(self._worlds, tenant, exchange)
            if self._enters:
                await call.enter()
        call.parameters, call.body = parameters, body
        scope[CALL] = call
        await self._next(scope, receive, send)

    def _contract(self, behaviour: Behaviour) -> RequestSchema:
        """The demands as ``behaviour`` makes them, compiled at first need."""
        known = self._contracts.get(behaviour)
        if known is not None:
            return known
        if len(self._contracts) >= _MAX_SCHEMAS:
            self._contracts.clear()
        asks = RequestSchema(self._parameters, self._body, behaviour)
        self._contracts[behaviour] = asks
        return asks


class OperationMiddleware(RoutedMiddleware[Any]):
    """Connexion's layer of operations, which finds them without a coroutine of its own."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._found: dict[str | None, ASGIApp] = {}

    def add_api(self, specification: Specification, **kwargs: Any) -> Any:
        api = super().add_api(specification, **kwargs)
        self._found.update(api.operations)
        return api

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        operation = self._found.get(scope["extensions"][ROUTING_CONTEXT].get("operation_id"))
        return (operation or self.app)(scope, receive, send)


class ValidatedAPI(RoutedAPI[ValidatedOperation]):
    """The demands of every operation of one document."""

    def __init__(self, *args: Any, worlds: Worlds, credentials: Credentials, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._worlds = worlds
        self._credentials = credentials
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> ValidatedOperation:
        return ValidatedOperation(self.next_app, operation, self._worlds, self._credentials)


class ValidationMiddleware(OperationMiddleware):
    """The layer that lets only good requests through."""

    api_cls = ValidatedAPI

    def __init__(self, app: ASGIApp, worlds: Worlds, credentials: Credentials) -> None:
        super().__init__(app)
        self._worlds = worlds
        self._credentials = credentials

    def add_api(self, specification: Specification, **kwargs: Any) -> Any:
        return super().add_api(
            specification, worlds=self._worlds, credentials=self._credentials, **kwargs
        )


class NativeOperation:
    """One operation's function, called natively: no thread, no WSGI."""

    def __init__(self, operation: AbstractOperation) -> None:
        self._handle: Handler = operation.function

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._handle(scope[CALL])(receive, send)


class OperationsAPI(RoutedAPI[NativeOperation]):
    """The functions of every operation of one document."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> NativeOperation:
        return NativeOperation(operation)


class OperationsMiddleware(OperationMiddleware):
    """The layer that answers."""

    api_cls = OperationsAPI


async def _read(receive: Receive, largest: int) -> bytes:
    """The request's whole body, whatever its framing. Raises HttpError (413) beyond ``largest``
    bytes."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if size > largest:
            raise HttpError(413, f"The body is larger than {largest} bytes")
        if not message.get("more_body", False):
            return b"".join(chunks)
