"""Mutants of concurrent requests and of other tenants."""

from __future__ import annotations

import asyncio

from mutating_proxy import Forward, Json, Mutants, Request, Response

mutant = Mutants()


@mutant("CANCEL-06")
async def two_cancels_win(request: Request, forward: Forward, memory: Json) -> Response:
    """Read the status before locking the run, so that a second cancel right after wins too."""
    reply = await forward(request)
    if request.operation == "cancel" and 200 <= reply.status < 300:
        memory[request.run_id] = 1
    elif request.operation == "cancel" and memory.get(request.run_id, 0) == 1:
        memory[request.run_id] = 2
        return await forward(request.to("get"))
    return reply


@mutant("CANCEL-07")
async def cancelled_it_says(request: Request, forward: Forward, memory: Json) -> Response:
    """Of a run at work: it says at once that it is cancelled, and lets it complete."""
    if request.operation == "cancel":
        run = await forward(request.to("get"))
        if run.status == 200 and run.json()["status"] == "running":
            return run.put(run.json() | {"status": "cancelled"})
    return await forward(request)


@mutant("RETRY-13")
async def another_run_in_the_dark(request: Request, forward: Forward, memory: Json) -> Response:
    """Retries that come too late are refused, and have made a run all the same."""
    reply = await forward(request)
    if request.operation == "retry" and reply.status == 409:
        memory.setdefault("dark", []).append((await forward(request.to("get"))).json())
    if request.operation == "list" and reply.status == 200 and memory.get("dark"):
        page = reply.json()
        more = [
            run | {"id": f"{run['id'][:-4]}{0xD000 + n:04x}"}
            for n, run in enumerate(memory["dark"])
        ]
        return reply.put({"items": more + page["items"], "total": page["total"] + len(more)})
    return reply


@mutant("RETRY-13")
async def two_full_retries_win(request: Request, forward: Forward, memory: Json) -> Response:
    """Of retries from the beginning, a close second gets the same response, and no run comes of
    it."""
    reply = await forward(request)
    if request.operation == "retry" and b"full" in request.body:
        if reply.status == 200:
            memory[request.run_id] = 1
        elif memory.get(request.run_id) == 1:
            memory[request.run_id] = 2
            return await forward(request.to("get"))
    return reply


@mutant("RETRY-11", "RETRY-13")
async def each_retry_begins_again(request: Request, forward: Forward, memory: Json) -> Response:
    """A retry of a run that is under way ends it, and starts it once more: each of several at the
    same moment is accepted, and runs."""
    if request.operation != "retry":
        return await forward(request)
    async with memory.setdefault("lock", asyncio.Lock()):
        reply = await forward(request)
        if reply.status == 409:
            await forward(request.to("cancel"))
            request.body = b'{"mode": "full"}'
            return await forward(request)
    return reply


@mutant("AUTH-06")
async def not_found_and_cancelled(request: Request, forward: Forward, memory: Json) -> Response:
    """Return 404 for another tenant's cancel, and cancel the run."""
    if request.operation == "cancel":
        reply = await forward(request)
        owner = memory.get("owner")
        if reply.status == 404 and owner:
            request.headers = {**request.headers, "authorization": owner}
            request.headers.pop("x-api-key", None)
            await forward(request)
        return reply
    if request.headers.get("authorization", "").startswith("Bearer test-"):
        memory["owner"] = request.headers["authorization"]
    return await forward(request)


@mutant("AUTH-10")
async def ours_listed_to_others(request: Request, forward: Forward, memory: Json) -> Response:
    """The other tenant sees our runs as well."""
    reply = await forward(request)
    mine = "test-" in str(request.headers.get("authorization"))
    if request.operation == "list" and reply.status == 200:
        if mine:
            memory["ours"] = reply.json()["items"]
        elif memory.get("ours"):
            page = reply.json()
            return reply.put(page | {"items": memory["ours"] + page["items"]})
    return reply
