"""Liars that no single call gives away, only several in the right order."""

from __future__ import annotations

from mutating_proxy import Ask, Forward, Json, Liars, Reply

lie = Liars()


def count(ask: Ask, reply: Reply, memory: Json) -> Json:
    """How often each operation on this run was accepted, and how often refused."""
    counts: Json = memory.setdefault(ask.run_id, {})
    name = ask.operation if reply.status < 300 else f"no {ask.operation}"
    counts[name] = counts.get(name, 0) + 1
    return counts


@lie("MODEL-01")
async def second_cancel_does_not_last(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """The first cancel of a run is remembered, and the one after a retry thought to be done."""
    reply = await forward(ask)
    counts = count(ask, reply, memory)
    if ask.operation == "get" and reply.status == 200 and counts.get("cancel", 0) > 1:
        run = reply.json()
        if run["status"] == "cancelled":
            return reply.put(run | {"status": "running", "completedAt": None})
    return reply


@lie("MODEL-01")
async def second_retry_loses_a_step(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """What is kept is copied, and the copy of a copy is one short."""
    reply = await forward(ask)
    counts = count(ask, reply, memory)
    if ask.operation == "steps" and reply.status == 200 and counts.get("retry", 0) > 1:
        response = reply.json()
        return reply.put(response | {"steps": response["steps"][:-1]})
    return reply


@lie("MODEL-01")
async def total_drifts(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """A counter of its own, which a cancel leaves alone and a retry after it raises."""
    reply = await forward(ask)
    counts = count(ask, reply, memory)
    if ask.operation == "retry" and reply.status < 300 and counts.get("cancel"):
        memory["drift"] = memory.get("drift", 0) + 1
    if ask.operation == "list" and reply.status == 200:
        page = reply.json()
        return reply.put(page | {"total": page["total"] + memory.get("drift", 0)})
    return reply


@lie("MODEL-01")
async def refused_cancel_hits_another(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """The request is left for whichever run the worker turns to next."""
    reply = await forward(ask)
    if ask.operation == "cancel" and reply.status == 409 and "last" in memory:
        await forward(ask.to("cancel", memory.pop("last")))
    unfinished = ("pending", "running")
    if ask.operation == "get" and reply.status == 200 and reply.json()["status"] in unfinished:
        memory["last"] = ask.run_id
    return reply


@lie("MODEL-01")
async def two_minds_about_refusal(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """Another place refuses once a run has been retried."""
    reply = await forward(ask)
    counts = count(ask, reply, memory)
    if ask.operation == "cancel" and reply.status == 409 and counts.get("retry"):
        reply.status = 400
    return reply
