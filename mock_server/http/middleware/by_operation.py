"""The base of the layers that do something for each operation."""

from collections.abc import Awaitable
from typing import Any

from connexion.middleware.abstract import ROUTING_CONTEXT, RoutedMiddleware
from connexion.spec import Specification
from starlette.types import ASGIApp, Receive, Scope, Send


class OperationMiddleware(RoutedMiddleware[Any]):  # type: ignore[misc]
    """Connexion's layer of operations, which finds an operation without a coroutine of its own."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._operations: dict[str | None, ASGIApp] = {}

    def add_api(self, specification: Specification, **kwargs: Any) -> Any:
        api = super().add_api(specification, **kwargs)
        self._operations.update(api.operations)
        return api

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        operation = self._operations.get(scope["extensions"][ROUTING_CONTEXT].get("operation_id"))
        return (operation or self.app)(scope, receive, send)
