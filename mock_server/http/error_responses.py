"""The responses to requests that raise an exception."""

import logging
from http import HTTPStatus

from starlette.exceptions import HTTPException

from mock_server.engine.behaviour import ErrorBody
from mock_server.errors import HttpError, RequestValidationError, UnknownRunError
from mock_server.http.call import BodyResponse, DeferredResponse, Response
from mock_server.journal.exchange import Exchange

log = logging.getLogger("mock_server")


def error_response(error: Exception, exchange: Exchange) -> Response:
    """Return the response for ``error`` and note its reason in ``exchange``."""
    match error:
        case UnknownRunError():
            return DeferredResponse(_found_out(error, exchange))
        case HttpError():
            exchange.reason, exchange.question = error.reason, error.question
            return _response(exchange, error.status, error.reason, dict(error.headers))
        case RequestValidationError():
            exchange.errors, exchange.question = error.errors, error.question
            details = [detail.to_json() for detail in error.errors]
            return BodyResponse.json({"detail": details}, 422)
        case HTTPException():
            exchange.reason = error.detail
            return _response(exchange, error.status_code, error.detail, dict(error.headers or {}))
        case _:
            log.error("an operation failed", exc_info=error)
            return _response(exchange, 500, "Internal Server Error", {})


async def _found_out(error: UnknownRunError, exchange: Exchange) -> Response:
    try:
        return error_response(await error.find_out(), exchange)
    except HttpError as other:
        return error_response(other, exchange)


def _response(
    exchange: Exchange, status: int, reason: str, headers: dict[str, str]
) -> BodyResponse:
    if exchange.behaviour.error_body is ErrorBody.DETAIL:
        return BodyResponse.json({"detail": reason}, status, headers)
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": reason,
    }
    return BodyResponse.json(problem, status, headers, content_type="application/problem+json")
