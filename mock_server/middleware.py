"""The way of a request through the mock, as layers in Connexion's own terms.

``Errors`` turns whatever goes wrong into JSON. Connexion's routing finds the operation. ``Checks``
asks for a credential and holds the request against the contract; ``Operations`` calls the function
that answers. The last two are compiled once per operation and know nothing of Flask: what belongs
to no operation falls through to it.
"""

import logging
from collections.abc import Callable
from typing import Any

from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from connexion.operations import AbstractOperation
from connexion.spec import Specification
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.call import Answer, Call, Reply
from mock_server.credentials import Credentials
from mock_server.errors import Flaw, Invalid, Refused
from mock_server.validation import LARGEST_BODY, Contract
from mock_server.worlds import Worlds

CALL = "mock_server.call"

_LOCAL_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\]|[a-z0-9-]+\.localhost)(:\d+)?"

log = logging.getLogger("mock_server")

Handler = Callable[[Call], Answer]


class LocalOrigins(CORSMiddleware):
    """Lets pages that are served from this machine call the mock, with their cookies."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            allow_origin_regex=_LOCAL_ORIGIN,
            allow_credentials=True,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["*"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, _ in scope.get("headers", ()):
            if name == b"origin":
                await super().__call__(scope, receive, send)
                return
        # Not from a page: a third of the way's cost is saved here.
        await self.app(scope, receive, send)


class Errors:
    """The outermost layer: every error is JSON, none shows the inside."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http":
                raise
            try:
                await answer_to(error)(receive, send)
            except RuntimeError:
                # The answer had begun; the server can only break the connection off.
                raise error from None


def answer_to(error: Exception) -> Reply:
    """The answer to a request that ``error`` ended."""
    match error:
        case Refused():
            return Reply.of({"detail": error.reason}, error.status, dict(error.headers))
        case Invalid():
            flaws = [{"loc": f.loc, "msg": f.msg, "type": f.type} for f in error.flaws]
            return Reply.of({"detail": flaws}, 422)
        case HTTPException():
            headers = dict(error.headers or {})
            if "Allow" in headers:
                methods = sorted(set(headers["Allow"].split(", ")) - {"HEAD"})
                headers["Allow"] = ", ".join(methods)
            return Reply.of({"detail": error.detail}, error.status_code, headers)
        case _:
            log.error("an operation failed", exc_info=error)
            return Reply.of({"detail": "Internal Server Error"}, 500)


class CheckedOperation:
    """One operation's demands: method, credential, parameters, body."""

    def __init__(
        self,
        next_app: ASGIApp,
        operation: AbstractOperation,
        worlds: Worlds,
        credentials: Credentials,
    ) -> None:
        self._next = next_app
        self._method = operation.method.upper()
        self._worlds = worlds
        self._credentials = credentials
        self._guarded = bool(operation.security)
        self._contract = Contract(operation.parameters, operation.request_body or None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != self._method:
            # The router lets HEAD pass as GET; the contract declares none.
            raise HTTPException(405, headers={"Allow": self._method})
        headers = scope["headers"]
        tenant = self._credentials.tenant(headers) if self._guarded else None
        flaws: list[Flaw] = []
        parameters = self._contract.parameters(
            scope["path_params"], scope["query_string"], headers, flaws
        )
        body: dict[str, Any] = {}
        if self._contract.body is not None:
            content = await _read(receive)
            content_type = next((v for k, v in headers if k == b"content-type"), None)
            text = content_type.decode("latin-1") if content_type is not None else None
            body = self._contract.body.value(content, text, flaws)
        if flaws:
            raise Invalid(flaws)
        if tenant is None:
            tenant = self._credentials.world(parameters.get("world"), headers)
        scope[CALL] = Call(self._worlds, tenant, parameters, body)
        await self._next(scope, receive, send)


class CheckedAPI(RoutedAPI[CheckedOperation]):
    """The demands of every operation of one document."""

    def __init__(self, *args: Any, worlds: Worlds, credentials: Credentials, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._worlds = worlds
        self._credentials = credentials
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> CheckedOperation:
        return CheckedOperation(self.next_app, operation, self._worlds, self._credentials)


class Checks(RoutedMiddleware[CheckedAPI]):
    """The layer that lets only good requests through."""

    api_cls = CheckedAPI

    def __init__(self, app: ASGIApp, worlds: Worlds, credentials: Credentials) -> None:
        super().__init__(app)
        self._worlds = worlds
        self._credentials = credentials

    def add_api(self, specification: Specification, **kwargs: Any) -> CheckedAPI:
        api: CheckedAPI = super().add_api(
            specification, worlds=self._worlds, credentials=self._credentials, **kwargs
        )
        return api


class AnsweredOperation:
    """One operation's function, called natively: no thread, no WSGI."""

    def __init__(self, operation: AbstractOperation) -> None:
        self._handle: Handler = operation.function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._handle(scope[CALL])
        await answer(receive, send)


class AnsweringAPI(RoutedAPI[AnsweredOperation]):
    """The functions of every operation of one document."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> AnsweredOperation:
        return AnsweredOperation(operation)


class Operations(RoutedMiddleware[AnsweringAPI]):
    """The layer that answers."""

    api_cls = AnsweringAPI


async def _read(receive: Receive) -> bytes:
    """The request's whole body, whatever its framing. Raises Refused (413)."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_BODY:
            raise Refused(413, f"The body is larger than {LARGEST_BODY} bytes")
        if not message.get("more_body", False):
            return b"".join(chunks)
