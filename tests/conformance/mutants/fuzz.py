"""Mutants that only made-up input, or a made-up order of calls, brings to light; one for each phase
of Schemathesis and each operation."""

from __future__ import annotations

from urllib.parse import unquote

from mutating_proxy import Forward, Json, Mutants, Mutate, Request, Response

from conformance.harness.context import UNKNOWN_RUN
from mutants.cancel_retry import body
from mutants.list import integer

mutant = Mutants()
OPERATIONS = ("list", "get", "cancel", "events", "retry", "steps")


def broken() -> Response:
    """Return the response of a server that failed."""
    return Response(500, {}).put({"detail": "oops"})


def odd(request: Request, reply: Response) -> bool:
    """Return whether the input is easy to forget.

    That is a page far after the end, a step whose name is not ASCII, or an unknown run that only
    one of sixteen shards can look up.
    """
    if request.operation == "list":
        return (integer(request.parameter("offset")) or 0) > 100
    if request.operation == "retry":
        sent = body(request)
        key = sent.get("stepKey") if isinstance(sent, dict) else None
        return isinstance(key, str) and not key.isascii()
    return reply.status == 404 and unquote(request.run_id)[0] != UNKNOWN_RUN[0]


def describe_failure(operation: str) -> Mutate:
    """Label every successful response of this operation as text."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        reply = await forward(request)
        if request.operation == operation and reply.status == 200:
            reply.headers["content-type"] = "text/plain"
        return reply

    mutate.__name__ = f"words_from_{operation}"
    return mutate


def fragile(operation: str) -> Mutate:
    """Break where this operation should refuse."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        reply = await forward(request)
        return broken() if request.operation == operation and reply.status == 422 else reply

    mutate.__name__ = f"bad_input_breaks_{operation}"
    return mutate


def brittle(operation: str) -> Mutate:
    """Break at input for this operation that is easy to forget."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        reply = await forward(request)
        return broken() if request.operation == operation and odd(request, reply) else reply

    mutate.__name__ = f"odd_input_breaks_{operation}"
    return mutate


def mindful(operation: str) -> Mutate:
    """Label the responses of this operation as text once the run has been cancelled and retried;
    for the list, once any run has."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        reply = await forward(request)
        seen = memory.setdefault("" if operation == "list" else request.run_id, set())
        if request.operation == operation and {"cancel", "retry"} <= seen and reply.status < 300:
            reply.headers["content-type"] = "text/plain"
        if reply.status < 500:
            seen.add(request.operation)
        return reply

    mutate.__name__ = f"history_changes_{operation}"
    return mutate


_FAULTS = {
    "EXAMPLES": describe_failure,
    "COVERAGE": fragile,
    "FUZZING": brittle,
    "STATEFUL": mindful,
}
for _phase, _fault in _FAULTS.items():
    for _operation in OPERATIONS:
        mutant(f"FUZZ-{_phase}-{_operation.upper()}")(_fault(_operation))
