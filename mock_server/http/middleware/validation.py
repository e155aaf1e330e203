"""The layer that lets valid requests pass: credential, rate limits, parameters, body."""

from typing import Any

from connexion.middleware.abstract import RoutedAPI
from connexion.operations import AbstractOperation
from connexion.spec import Specification
from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.engine.behaviour import Behaviour
from mock_server.engine.run_state import Json
from mock_server.errors import ErrorDetail, RequestValidationError
from mock_server.http.call import CALL, Call
from mock_server.http.credentials import Credentials
from mock_server.http.middleware.by_operation import OperationMiddleware
from mock_server.http.request_body import MAX_BODY_SIZE, read_body
from mock_server.http.request_schema import RequestSchema, question_of
from mock_server.journal.coverage import SentParameters
from mock_server.journal.exchange import EXCHANGE, MAX_RECORDED_BODY, Exchange
from mock_server.worlds.registry import Worlds

_MAX_SCHEMAS = 64
"""Behaviours for which one operation keeps its compiled schema."""


class ValidatedOperation:
    """What one operation requires: credential, parameters, body."""

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
        # The token of the control API is optional here; ControlAccessMiddleware checks it.
        self._secured = bool(operation.security) and {} not in operation.security
        self._parameters: list[Json] = operation.parameters
        self._names_world = any(one["name"] == "world" for one in self._parameters)
        # An operation that replaces a world need not open the present one.
        self._enters = self._names_world and not any(
            one.get("x-replaced") for one in self._parameters
        )
        # Others are not about a world, depending on a parameter.
        self._instead = next(
            (one["name"] for one in self._parameters if one.get("x-instead-of-world")), ""
        )
        self._body: Json | None = operation.request_body or None
        self._max_body_size: int = (self._body or {}).get("x-largest-body", MAX_BODY_SIZE)
        self._uncounted: SentParameters = set()  # For calls that count for no world's coverage.
        self._schemas: dict[Behaviour, RequestSchema] = {}
        # The lookup by behaviour is slow, and nearly all requests use the default one.
        self._default_behaviour = worlds.settings.behaviour
        self._default_schema = self._schema(self._default_behaviour)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope[EXCHANGE]
        exchange.operation = self._id
        headers = scope["headers"]
        behaviour, call = exchange.behaviour, None
        sent = self._uncounted
        if self._secured:
            exchange.credential, tenant = self._credentials.authenticate(headers, behaviour)
            exchange.tenant = tenant
            call = Call(self._worlds, tenant, exchange)
            world = self._worlds.current(tenant) or await call.enter()
            call.world = world
            behaviour = exchange.behaviour = world.behaviour
            exchange.at, exchange.journal = world.engine.now, world.journal
            coverage = world.journal.coverage
            coverage.credentials.add(exchange.credential)
            sent = coverage.sent[self._id]
            if world.faults.rate_limits:
                world.faults.count_request(self._id, exchange, exchange.at)
        default = behaviour is self._default_behaviour
        schema = self._default_schema if default else self._schema(behaviour)
        errors: list[ErrorDetail] = []
        parameters = schema.parameters(
            scope["path_params"], scope["query_string"], headers, errors, sent
        )
        body: Json = {}
        if schema.body is not None:
            content = await read_body(receive, self._max_body_size)
            if len(content) <= MAX_RECORDED_BODY:
                exchange.body = content
            content_type = next((v for k, v in headers if k == b"content-type"), None)
            text = content_type.decode("latin-1") if content_type is not None else None
            if not content:
                exchange.question = "Q17"
            body = await schema.body.value(content, text, errors, sent)
        if errors:
            raise RequestValidationError(errors, question=question_of(errors))
        if call is None:
            tenant = ""
            if self._names_world:
                tenant = self._credentials.world(parameters.get("world"), headers)
            call = Call(self._worlds, tenant, exchange)
            # What several processes respond to together may name a world of another one.
            if self._enters and parameters.get(self._instead, "world") == "world":
                await call.enter()
        call.parameters, call.body = parameters, body
        scope[CALL] = call
        await self._next(scope, receive, send)

    def _schema(self, behaviour: Behaviour) -> RequestSchema:
        """Return the schema under ``behaviour``, compiled on first use."""
        known = self._schemas.get(behaviour)
        if known is not None:
            return known
        if len(self._schemas) >= _MAX_SCHEMAS:
            self._schemas.clear()
        schema = self._schemas[behaviour] = RequestSchema(
            self._parameters, self._body, behaviour, strict=not self._secured
        )
        return schema


class ValidatedAPI(RoutedAPI[ValidatedOperation]):  # type: ignore[misc]
    """What all operations of one document require."""

    def __init__(self, *args: Any, worlds: Worlds, credentials: Credentials, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._worlds = worlds
        self._credentials = credentials
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> ValidatedOperation:
        return ValidatedOperation(self.next_app, operation, self._worlds, self._credentials)


class ValidationMiddleware(OperationMiddleware):
    """Let valid requests pass; raise HttpError or RequestValidationError for the others."""

    api_cls = ValidatedAPI

    def __init__(self, app: ASGIApp, worlds: Worlds, credentials: Credentials) -> None:
        super().__init__(app)
        self._worlds = worlds
        self._credentials = credentials

    def add_api(self, specification: Specification, **kwargs: Any) -> Any:
        return super().add_api(
            specification, worlds=self._worlds, credentials=self._credentials, **kwargs
        )
