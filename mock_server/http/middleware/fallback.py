"""The layer that passes requests on to a real backend: those for operations and runs that are
named, and for runs that the world does not have."""

import re
from fnmatch import fnmatchcase

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.engine.enums import Operation
from mock_server.errors import HttpError
from mock_server.http.credentials import Credentials
from mock_server.http.fallback import PASSED_ON, Backend
from mock_server.journal.exchange import EXCHANGE, Exchange
from mock_server.openapi_document import OpenApiDocument
from mock_server.settings import Fallback
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World


class FallbackMiddleware:
    """Let ``backend`` respond to what ``fallback`` selects. Its responses have no faults, and the
    requests are not validated: that is the backend's task."""

    def __init__(
        self,
        app: ASGIApp,
        backend: Backend,
        fallback: Fallback,
        worlds: Worlds,
        credentials: Credentials,
        contract: OpenApiDocument,
    ) -> None:
        self.app = app
        self._backend = backend
        self._operations = fallback.operations
        self._runs = fallback.runs
        self._worlds = worlds
        self._credentials = credentials
        self._paths = [
            (re.compile(re.escape(path).replace(r"\{run_id\}", "([^/]+)")), method, operation)
            for path, item in contract.content["paths"].items()
            for method, operation in _operations(item)
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        operation, run_id = found
        named = operation in self._operations or any(
            fnmatchcase(run_id, pattern) for pattern in self._runs if run_id
        )
        world = await self._world(scope)
        if not named and (not run_id or world is None or world.find(run_id.lower()) is not None):
            await self.app(scope, receive, send)
            return
        exchange: Exchange = scope[EXCHANGE]
        exchange.operation = operation
        if world is not None:
            exchange.at, exchange.journal = world.engine.now, world.journal
            exchange.behaviour = world.behaviour
        if any(name == PASSED_ON for name, _ in scope["headers"]):
            raise HttpError(
                502,
                f"The backend {self._backend.url} is a mock that passes requests on to this one: "
                "name another with --fallback",
            )
        await self._backend.respond(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[Operation, str] | None:
        """Return the operation of the request and the id of its run, if it has one.

        Return None for an id that would lead to another path of the backend.
        """
        path, method = scope["path"], scope["method"]
        for pattern, known, operation in self._paths:
            if known == method or (known == "GET" and method == "HEAD"):
                match = pattern.fullmatch(path)
                run_id = match[1] if match is not None and match.lastindex else ""
                if match is not None and run_id not in (".", ".."):
                    return operation, run_id
        return None

    async def _world(self, scope: Scope) -> World | None:
        """Return the world that the credential opens; None if it opens none."""
        exchange: Exchange = scope[EXCHANGE]
        try:
            scheme, tenant = self._credentials.authenticate(scope["headers"], exchange.behaviour)
        except HttpError:
            return None
        exchange.credential, exchange.tenant = scheme, tenant
        return self._worlds.current(tenant) or await self._worlds.open(tenant)


def _operations(item: dict[str, dict[str, str]]) -> list[tuple[str, Operation]]:
    """Return the methods of a path with their operations."""
    methods = {"get", "post", "put", "patch", "delete"} & item.keys()
    return [(method.upper(), Operation(item[method]["operationId"])) for method in sorted(methods)]
