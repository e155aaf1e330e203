"""Mutants that no single call gives away, only several in the right order."""

from __future__ import annotations

from mutating_proxy import Forward, Json, Mutants, Request, Response

mutant = Mutants()


def count(request: Request, reply: Response, memory: Json) -> Json:
    """How often each operation on this run was accepted, and how often refused."""
    counts: Json = memory.setdefault(request.run_id, {})
    name = request.operation if reply.status < 300 else f"no {request.operation}"
    counts[name] = counts.get(name, 0) + 1
    return counts


@mutant("MODEL-01")
async def second_cancel_does_not_last(request: Request, forward: Forward, memory: Json) -> Response:
    """The first cancel of a run is remembered, and the one after a retry thought to be done."""
    reply = await forward(request)
    counts = count(request, reply, memory)
    if request.operation == "get" and reply.status == 200 and counts.get("cancel", 0) > 1:
        run = reply.json()
        if run["status"] == "cancelled":
            return reply.put(run | {"status": "running", "completedAt": None})
    return reply


@mutant("MODEL-01")
async def second_retry_loses_a_step(request: Request, forward: Forward, memory: Json) -> Response:
    """Copy the kept steps, and lose one in the copy of a copy."""
    reply = await forward(request)
    counts = count(request, reply, memory)
    if request.operation == "steps" and reply.status == 200 and counts.get("retry", 0) > 1:
        response = reply.json()
        return reply.put(response | {"steps": response["steps"][:-1]})
    return reply


@mutant("MODEL-01")
async def total_drifts(request: Request, forward: Forward, memory: Json) -> Response:
    """A counter of its own, which a cancel leaves alone and a retry after it raises."""
    reply = await forward(request)
    counts = count(request, reply, memory)
    if request.operation == "retry" and reply.status < 300 and counts.get("cancel"):
        memory["drift"] = memory.get("drift", 0) + 1
    if request.operation == "list" and reply.status == 200:
        page = reply.json()
        return reply.put(page | {"total": page["total"] + memory.get("drift", 0)})
    return reply


@mutant("MODEL-01")
async def refused_cancel_hits_another(request: Request, forward: Forward, memory: Json) -> Response:
    """The request is left for whichever run the worker turns to next."""
    reply = await forward(request)
    if request.operation == "cancel" and reply.status == 409 and "last" in memory:
        await forward(request.to("cancel", memory.pop("last")))
    unfinished = ("pending", "running")
    if request.operation == "get" and reply.status == 200 and reply.json()["status"] in unfinished:
        memory["last"] = request.run_id
    return reply


@mutant("MODEL-01")
async def two_minds_about_rejection(request: Request, forward: Forward, memory: Json) -> Response:
    """Another place refuses once a run has been retried."""
    reply = await forward(request)
    counts = count(request, reply, memory)
    if request.operation == "cancel" and reply.status == 409 and counts.get("retry"):
        reply.status = 400
    return reply
