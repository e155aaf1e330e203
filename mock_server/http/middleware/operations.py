"""The layer that calls the function of an operation and sends its response."""

from collections.abc import Awaitable
from typing import Any

from connexion.middleware.abstract import RoutedAPI
from connexion.operations import AbstractOperation
from starlette.types import Receive, Scope, Send

from mock_server.http.call import CALL, Handler
from mock_server.http.middleware.by_operation import OperationMiddleware


class NativeOperation:
    """One operation's function, called on the event loop: without a thread and without WSGI."""

    def __init__(self, operation: AbstractOperation) -> None:
        self._handle: Handler = operation.function

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._handle(scope[CALL])(receive, send)


class OperationsAPI(RoutedAPI[NativeOperation]):  # type: ignore[misc]
    """The functions of all operations of one document."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> NativeOperation:
        return NativeOperation(operation)


class OperationsMiddleware(OperationMiddleware):
    """Send the response of the operation."""

    api_cls = OperationsAPI
