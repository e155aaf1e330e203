"""The layer that calls the function of an operation and sends its response."""

from collections.abc import Awaitable
from typing import Any

from connexion.middleware.abstract import RoutedAPI
from connexion.operations import AbstractOperation
from connexion.spec import Specification
from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.http.call import CALL, Handler, Recorder
from mock_server.http.middleware.by_operation import OperationMiddleware


class NativeOperation:
    """One operation's function, called on the event loop: without a thread and without WSGI."""

    def __init__(self, operation: AbstractOperation) -> None:
        self._handle: Handler = operation.function

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._handle(scope[CALL])(receive, send)


class RecordedOperation:
    """One operation that changes worlds, whose changes a recorder records."""

    def __init__(self, operation: AbstractOperation, recorder: Recorder) -> None:
        self._id: str = operation.operation_id
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._recorder.carry_out(self._id, scope[CALL])
        await response(receive, send)


class DispatchAPI(RoutedAPI[NativeOperation | RecordedOperation]):  # type: ignore[misc]
    """The functions of all operations of one document."""

    def __init__(self, *args: Any, recorder: Recorder | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._recorder = recorder
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> NativeOperation | RecordedOperation:
        recorder = self._recorder
        if recorder is not None and recorder.records(operation.operation_id):
            return RecordedOperation(operation, recorder)
        return NativeOperation(operation)


class DispatchMiddleware(OperationMiddleware):
    """Send the response of the operation; ``recorder`` records changes of worlds, if there is
    one."""

    api_cls = DispatchAPI

    def __init__(self, app: ASGIApp, recorder: Recorder | None) -> None:
        super().__init__(app)
        self._recorder = recorder

    def add_api(self, specification: Specification, **kwargs: Any) -> Any:
        return super().add_api(specification, recorder=self._recorder, **kwargs)
