"""HTTP: the rules of every operation: methods, paths, bodies, errors, malformed requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.assertions.matchers import (
    client_error,
    no_server_error,
    require,
    status,
    unchanged,
)
from conformance.assertions.response_rules import mentions_rate_limit, validation_error
from conformance.checks.support import acknowledged_cancel as cancels
from conformance.checks.support import malformed_requests as malformed
from conformance.checks.support import repeated_pages as repeated
from conformance.checks.support.question_answers import error_body
from conformance.checks.support.rejected_retries import check_control, rejected_run
from conformance.checks.support.unusual_values import (
    UNUSUAL_HEADERS,
    UNUSUAL_IDS,
    pages_of_unusual_values,
)
from conformance.client.raw_socket import Piece
from conformance.client.response import Response
from conformance.errors import CheckFailed, Inconclusive, NoResponse, Unsupported
from conformance.harness.context import MALFORMED_RUN, UNKNOWN_RUN, CheckContext
from conformance.harness.markers import requirement
from conformance.vocabulary import ROOT, RUN_OPERATIONS, Operation, State, Status, Untested

READS = (Operation.LIST, Operation.GET, Operation.STEPS)
OTHER_METHODS = {"GET": ("POST", "PUT", "PATCH", "DELETE"), "POST": ("GET", "PUT", "DELETE")}
each_operation = pytest.mark.parametrize("operation", list(Operation), ids=lambda o: o.value)
each_read = pytest.mark.parametrize("operation", READS, ids=lambda o: o.value)

# The requirements that a malformed id is rejected.
_MALFORMED = {
    Operation.GET: "GET-03",
    Operation.CANCEL: "CANCEL-10",
    Operation.RETRY: "RETRY-19",
    Operation.STEPS: "STEPS-13",
    Operation.EVENTS: "EVENTS-14",
}


@requirement("HTTP-01")
@each_operation
def check_unknown_method_is_rejected(context: CheckContext, operation: Operation) -> None:
    """405, and `Allow` names the method of the contract. The run does not exist."""
    for method in OTHER_METHODS[operation.method]:
        response = require(_send(context, method, operation.path(UNKNOWN_RUN)), status(405))
        allowed = {each.strip().upper() for each in response.headers.get("allow", "").split(",")}
        if operation.method not in allowed:
            raise CheckFailed(
                f"{response.summary}: Allow is {response.headers.get('allow', '')!r}, expected "
                f"{operation.method} in it",
                exchange=response.exchange,
            )


@requirement("HTTP-02")
@pytest.mark.parametrize(
    "path",
    [f"{ROOT}/{UNKNOWN_RUN}/no-such-thing", f"{ROOT}/{UNKNOWN_RUN}/steps/no-such-thing"],
    ids=["next to the operations", "below one"],
)
def check_unknown_path_is_not_found(context: CheckContext, path: str) -> None:
    """404 with JSON, where a path of the contract was just found."""
    require(context.api.list_runs(limit=1), status(200))
    require(_send(context, "GET", path), status(404), _json)


@requirement("HTTP-03")
@each_read
def check_responses_are_json(context: CheckContext, operation: Operation) -> None:
    """So is every other successful response of this run."""
    run_id = context.runs.shared(State.COMPLETED)
    require(context.api.request(operation, run_id), status(200), _json).json()


# Each is well-formed JSON, and none fits the contract.
UNUSUAL_BODIES: tuple[Any, ...] = (
    {"mode": "from_step", "stepKey": "\x00"},
    {"mode": "from_step", "stepKey": "k" * 100_000},
    {"mode": "from_step", "stepKey": "\ud800"},
    {"mode": ["from_failed"]},
    {"mode": {"mode": "full"}},
    {"mode": 10**400},
    {"stepKey": [None] * 1000},
    "full",
    0,
    None,
)


@requirement("HTTP-04")
@pytest.mark.parametrize("operation", RUN_OPERATIONS, ids=lambda o: o.value)
def check_unusual_ids_cause_no_server_error(context: CheckContext, operation: Operation) -> None:
    """Check that no id causes a 5xx, nor does any other request for this run."""
    for unusual in UNUSUAL_IDS:
        require(_send(context, operation.method, operation.path(unusual)), no_server_error)


@requirement("HTTP-04", shares="unusual values")
@pytest.mark.parametrize("parameter", ["status", "limit", "offset"])
def check_unusual_values_cause_no_server_error(context: CheckContext, parameter: str) -> None:
    """Check that no value of the parameter causes a 5xx."""
    for value, response in pages_of_unusual_values(context, parameter).items():
        if no_server_error(response):
            # It may have been requested for another check: request it again, in this one.
            require(context.api.list_runs(**{parameter: value}), no_server_error)


@requirement("HTTP-04", since="1.1")
@pytest.mark.parametrize("header", ["Last-Event-ID", "X-API-Key"])
def check_unusual_headers_cause_no_server_error(context: CheckContext, header: str) -> None:
    """Check that no value of a header that the contract has causes a 5xx. Neither run exists."""
    events = header == "Last-Event-ID"
    caller = context.api if events else context.anonymous
    for unusual in UNUSUAL_HEADERS:
        response = caller.request(
            Operation.EVENTS if events else Operation.GET, UNKNOWN_RUN, headers={header: unusual}
        )
        require(response, no_server_error)


@requirement("HTTP-04")
def check_unusual_bodies_cause_no_server_error(context: CheckContext) -> None:
    """No 5xx for any body of a retry; the run does not exist."""
    for unusual in UNUSUAL_BODIES:
        raw = json.dumps(unusual).encode()
        require(context.api.request(Operation.RETRY, UNKNOWN_RUN, raw=raw), no_server_error)


@requirement("HTTP-05")
def check_errors_have_a_reason(context: CheckContext) -> None:
    """The body is JSON with a reason (Q20), as in every other client error of this run."""
    responses = [context.api.get_run(UNKNOWN_RUN), context.anonymous.list_runs()]
    errors = [each for each in responses if 400 <= each.status < 500 and each.status != 422]
    if not errors:
        raise Inconclusive(f"nothing was refused: {', '.join(each.summary for each in responses)}")
    for response in errors:
        require(response, _json)
        error_body(context, response)


@requirement("HTTP-06", shares="rejected")
@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "image/png"])
def check_a_body_of_another_type_is_rejected(context: CheckContext, media_type: str) -> None:
    """The run is as it was, and the same bytes said to be JSON are accepted for another."""
    body = b'{"mode": "full"}'
    with rejected_run(context) as before:
        other = {"Content-Type": media_type}
        refused = context.api.request(Operation.RETRY, before["id"], raw=body, headers=other)
        after = unchanged(before, context.api.run(before["id"]))
        if after is None:
            check_control(context, body)
        require(refused, client_error)
        if after:
            raise CheckFailed(
                f"{refused.summary} and the run changed: {after}", exchange=refused.exchange
            )


@requirement("HTTP-08")
def check_rate_limit_headers_are_numbers(context: CheckContext) -> None:
    """In this response and in every other one of this run that has them."""
    if not mentions_rate_limit(_send(context, "GET", ROOT)):
        raise Unsupported("responses have no rate limit headers")


@requirement("HTTP-09", exclusive=True)
@each_read
def check_repeated_get_returns_the_same(context: CheckContext, operation: Operation) -> None:
    """Four times for the list or a finished run, twice for an unknown run and a malformed id."""
    listed = operation is Operation.LIST
    others = {} if listed else {UNKNOWN_RUN: 2, MALFORMED_RUN: 2}
    for run_id, times in ({context.runs.shared(State.COMPLETED): 4} | others).items():
        try:
            seen = repeated.readings(context, operation, run_id, times)
        except Inconclusive as unstable:
            if unstable.reason is not Untested.UNSTABLE:
                raise
            repeated.check_unchanged_runs_read_the_same(context)
            continue
        first, *later = seen
        for number, again in enumerate(later, 2):
            if again != first:
                raise CheckFailed(
                    f"the same GET for {operation.value} returned {first[0]} first and "
                    f"{again[0]} the {number}th time, or another body"
                )


@requirement("HTTP-10")
def check_errors_show_no_internals(context: CheckContext) -> None:
    """Not in these responses, nor in any other of this run."""
    responses = [
        context.api.get_run(UNKNOWN_RUN),
        context.api.get_run(MALFORMED_RUN),
        context.api.get_run("%00"),
        context.api.list_runs(limit="9" * 400),
        context.anonymous.list_runs(),
    ]
    if not any(response.status >= 400 for response in responses):
        raise Inconclusive(f"nothing was refused: {', '.join(each.summary for each in responses)}")


@requirement("HTTP-11")
@pytest.mark.parametrize("case", ["limit", "offset", "run id", "mode", "body"])
def check_validation_errors_have_the_documented_shape(context: CheckContext, case: str) -> None:
    """This one, and every other 422 of this run."""
    match case:
        case "limit":
            response = context.api.list_runs(limit=1001)
        case "offset":
            response = context.api.list_runs(offset=-1)
        case "run id":
            response = context.api.get_run(MALFORMED_RUN)
        case "mode":
            response = context.api.retry(_retryable(context), {"mode": "no-such-mode"})
        case _:
            response = context.api.request(Operation.RETRY, _retryable(context), raw=b"{")
    if response.status != 422:
        raise Inconclusive(f"{response.summary}, expected 422")
    _check_documented(context, response)


@requirement("HTTP-11", since="1.1")
@pytest.mark.parametrize("operation", RUN_OPERATIONS, ids=lambda o: o.value)
def check_validation_errors_of_each_operation(context: CheckContext, operation: Operation) -> None:
    """The documented shape is that of every operation, also where no run is provided."""
    response = context.api.request(operation, MALFORMED_RUN)
    if response.status != 422:
        raise Inconclusive(f"{response.summary}, expected 422", caused_by=_MALFORMED[operation])
    _check_documented(context, response)


@requirement("HTTP-12")
@each_read
def check_head_and_options(context: CheckContext, operation: Operation) -> None:
    """HEAD has the status of GET and no body, OPTIONS succeeds, or either is refused with 405."""
    path = operation.path(context.runs.shared(State.COMPLETED))
    require(_send(context, "GET", path), status(200))
    require(_send(context, "HEAD", path), status(200, 405))
    require(_send(context, "OPTIONS", path), status(200, 204, 405))
    head: list[Piece] = [
        f"HEAD {context.raw_client.path}{path} HTTP/1.1\r\n",
        malformed.valid_headers(context, ("Connection", "close")),
    ]
    reaction = context.raw_client.exchange([*head, "\r\n"], done=lambda received: False)
    if reaction.body:
        raise CheckFailed(
            f"HEAD {path} returned a body of {len(reaction.body)} bytes",
            exchange=reaction.exchange,
        )


@requirement("HTTP-14", shares="retried")
@pytest.mark.parametrize("operation", cancels.READS, ids=lambda o: o.value)
def check_changed_run_is_not_unmodified(context: CheckContext, operation: Operation) -> None:
    """With the validators of the state before a cancel, or with made-up ones if it had none."""
    cancel = cancels.acknowledged_cancel(context)
    for headers in cancels.conditions(cancel, operation):
        response = cancels.read(context, operation, cancel.run_id, headers)
        if response.status == 304:
            raise CheckFailed(
                f"{response.summary} to {' and '.join(headers)}, and it has changed",
                exchange=response.exchange,
            )


@requirement("HTTP-15", shares="retried")
@pytest.mark.parametrize("operation", cancels.READS, ids=lambda o: o.value)
def check_caches_may_not_keep_responses(context: CheckContext, operation: Operation) -> None:
    """To a request with a credential: of a pending run and of the cancelled one."""
    cancel = cancels.acknowledged_cancel(context)
    for seen in (cancel.before[operation], cancel.after[operation]):
        if cancels.permits_caching(seen):
            again = cancels.read(context, operation, cancel.run_id)
            why = cancels.permits_caching(again) or cancels.permits_caching(seen)
            raise CheckFailed(f"{again.summary}: {why}", exchange=again.exchange)


def _check_documented(context: CheckContext, response: Response) -> None:
    """The body of a 422 fits its schema, which requires no field, and has the documented array."""
    context.check_schema(response, "ValidationError")
    if (fault := validation_error(response, context.schemas)) is not None:
        raise fault


def _retryable(context: CheckContext) -> str:
    """Return a run that can be retried, so that only the request can be invalid."""
    return context.runs.shared(State.FAILS, Status.FAILED)


@requirement("HTTP-07")
@pytest.mark.parametrize("case", [*malformed.COMPLETE, *malformed.INCOMPLETE])
def check_service_survives_malformed_requests(context: CheckContext, case: str) -> None:
    """A valid request gets its response afterwards."""
    pieces = malformed.pieces_of(context, case)
    if not _responded_last(context):
        _alive(context)
    if case in malformed.COMPLETE:
        malformed.reaction_to(context, case)
    else:
        context.raw_client.exchange(pieces, disconnect=True)
    _alive(context, f"after {case}")


@requirement("HTTP-07")
def check_slow_client_blocks_no_other(context: CheckContext) -> None:
    """While half a request was sent, a valid one gets its response."""
    _alive(context)
    pieces = malformed.INCOMPLETE["half a header"](context)
    context.raw_client.exchange(
        pieces,
        disconnect=True,
        during=lambda: _alive(context, "while half a request was sent"),
    )


@requirement("HTTP-13")
@pytest.mark.parametrize("case", list(malformed.COMPLETE))
def check_malformed_request_gets_a_response(context: CheckContext, case: str) -> None:
    """Or the connection is closed: the client need not wait for a timeout."""
    pieces, patience = malformed.pieces_of(context, case), context.raw_client.patience
    if malformed.fault_of(malformed.reaction_to(context, case), patience):
        # It may have been sent for another check: send it again, in this one.
        again = context.raw_client.exchange(pieces)
        if why := malformed.fault_of(again, patience):
            raise CheckFailed(f"{case}: {why}", exchange=again.exchange)


def _responded_last(context: CheckContext) -> bool:
    """Whether the last request, such as that after the case before, was successful."""
    traffic = context.api.target.traffic
    return [exchange.status for exchange in traffic.since(traffic.count - 1)] == [200]


def _alive(context: CheckContext, when: str = "") -> None:
    try:
        response = context.api.list_runs(limit=1)
    except NoResponse as fault:
        if not when:
            raise Inconclusive(f"a valid request gets no response before it: {fault}") from None
        raise CheckFailed(
            f"a valid request gets no response {when}: {fault}", exchange=fault.exchange
        ) from None
    if response.status != 200:
        if not when:
            raise Inconclusive(f"a valid request is not accepted before it: {response.summary}")
        raise CheckFailed(f"{response.summary} {when}", exchange=response.exchange)


def _send(context: CheckContext, method: str, path: str) -> Response:
    if path.endswith("/events") and method == "GET":
        return context.api.request(Operation.EVENTS, path.split("/")[-2])
    credential = context.api.credential
    return context.api.target.send(
        method, path, headers={} if credential is None else credential.headers()
    )


def _json(response: Response) -> str | None:
    media_type = response.media_type
    fine = media_type == "application/json" or media_type.endswith("+json")
    return None if fine else f"its type is {media_type!r}, no kind of JSON"
