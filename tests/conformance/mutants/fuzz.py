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
    """The answer of a server that stumbled."""
    return Response(500, {}).put({"detail": "oops"})


def odd(request: Request, reply: Response) -> bool:
    """Input that is easy to forget: a page far behind the end, a step whose name is not ASCII,
    an unknown run that only one of sixteen shards can answer for."""
    if request.operation == "list":
        return (integer(request.parameter("offset")) or 0) > 100
    if request.operation == "retry":
        sent = body(request)
        key = sent.get("stepKey") if isinstance(sent, dict) else None
        return isinstance(key, str) and not key.isascii()
    return reply.status == 404 and unquote(request.run_id)[0] != UNKNOWN_RUN[0]


def describe_failure(operation: str) -> Mutate:
    """Say of every good answer of this operation that it is text."""

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
    """Answer this operation in words once the run has been both cancelled and retried; the list
    once that is true of any run."""

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
