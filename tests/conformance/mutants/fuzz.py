"""Liars that only made-up input, or a made-up order of calls, brings to light; one for each phase
of Schemathesis and each operation."""

from __future__ import annotations

from urllib.parse import unquote

from mutating_proxy import Ask, Forward, Json, Liars, Reply, Spoil

from conformance.harness.context import UNKNOWN_RUN
from mutants.cancel_retry import body
from mutants.list import integer

lie = Liars()
OPERATIONS = ("list", "get", "cancel", "events", "retry", "steps")


def broken() -> Reply:
    """The answer of a server that stumbled."""
    return Reply(500, {}).put({"detail": "oops"})


def odd(ask: Ask, reply: Reply) -> bool:
    """Input that nobody would think of: a page far behind the end, a step whose name is not ASCII,
    an unknown run that only one of sixteen shards can answer for."""
    if ask.operation == "list":
        return (integer(ask.parameter("offset")) or 0) > 100
    if ask.operation == "retry":
        sent = body(ask)
        key = sent.get("stepKey") if isinstance(sent, dict) else None
        return isinstance(key, str) and not key.isascii()
    return reply.status == 404 and unquote(ask.run_id)[0] != UNKNOWN_RUN[0]


def describe_failure(operation: str) -> Spoil:
    """Say of every good answer of this operation that it is text."""

    async def spoil(ask: Ask, forward: Forward, memory: Json) -> Reply:
        reply = await forward(ask)
        if ask.operation == operation and reply.status == 200:
            reply.headers["content-type"] = "text/plain"
        return reply

    spoil.__name__ = f"words_from_{operation}"
    return spoil


def fragile(operation: str) -> Spoil:
    """Break where this operation should refuse."""

    async def spoil(ask: Ask, forward: Forward, memory: Json) -> Reply:
        reply = await forward(ask)
        return broken() if ask.operation == operation and reply.status == 422 else reply

    spoil.__name__ = f"bad_input_breaks_{operation}"
    return spoil


def brittle(operation: str) -> Spoil:
    """Break at input for this operation that nobody would think of."""

    async def spoil(ask: Ask, forward: Forward, memory: Json) -> Reply:
        reply = await forward(ask)
        return broken() if ask.operation == operation and odd(ask, reply) else reply

    spoil.__name__ = f"odd_input_breaks_{operation}"
    return spoil


def mindful(operation: str) -> Spoil:
    """Answer this operation in words once the run has been both cancelled and retried; the list
    once that is true of any run."""

    async def spoil(ask: Ask, forward: Forward, memory: Json) -> Reply:
        reply = await forward(ask)
        seen = memory.setdefault("" if operation == "list" else ask.run_id, set())
        if ask.operation == operation and {"cancel", "retry"} <= seen and reply.status < 300:
            reply.headers["content-type"] = "text/plain"
        if reply.status < 500:
            seen.add(ask.operation)
        return reply

    spoil.__name__ = f"history_changes_{operation}"
    return spoil


_FAULTS = {
    "EXAMPLES": describe_failure,
    "COVERAGE": fragile,
    "FUZZING": brittle,
    "STATEFUL": mindful,
}
for _phase, _fault in _FAULTS.items():
    for _operation in OPERATIONS:
        lie(f"FUZZ-{_phase}-{_operation.upper()}")(_fault(_operation))
