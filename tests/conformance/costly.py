"""Backends with one fault that costs a client time, as changes before a backend in real time: they
fail, hang, delay, or leave out what others wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from mutating_proxy import Forward, Json, Mutants, Request, Response

fault = Mutants()
HANG = 3600


async def _silence() -> AsyncIterator[bytes]:
    await asyncio.sleep(HANG)
    yield b""


def _error(status: int = 500) -> Response:
    return Response(status, {}).put({"detail": "Something went wrong"})


async def _fails(request: Request, forward: Forward, on: str) -> Response:
    return _error() if request.operation == on else await forward(request)


@fault("GET-01")
async def steps_fail(request: Request, forward: Forward, memory: Json) -> Response:
    """The steps cannot be read."""
    return await _fails(request, forward, "steps")


@fault("RETRY-01")
async def retry_fails(request: Request, forward: Forward, memory: Json) -> Response:
    """No run can be retried."""
    return await _fails(request, forward, "retry")


@fault("LIST-01")
async def list_fails(request: Request, forward: Forward, memory: Json) -> Response:
    """The list cannot be read."""
    return await _fails(request, forward, "list")


@fault("LIST-10")
async def list_is_empty(request: Request, forward: Forward, memory: Json) -> Response:
    """The list has no runs."""
    reply = await forward(request)
    if request.operation == "list" and reply.status == 200 and reply.body:
        return reply.put({"items": [], "total": 0})
    return reply


@fault("STEPS-01")
async def no_steps(request: Request, forward: Forward, memory: Json) -> Response:
    """A run has no steps."""
    reply = await forward(request)
    if request.operation == "steps" and reply.status == 200 and reply.body:
        counts = dict.fromkeys(("completed", "failed", "pending", "running"), 0)
        empty = {f"{name}Count": count for name, count in counts.items()}
        return reply.put({"automationRunId": request.run_id, "steps": []} | empty)
    return reply


@fault("EVENTS-01")
async def streams_hang(request: Request, forward: Forward, memory: Json) -> Response:
    """A stream is accepted, and no response begins."""
    if request.operation == "events":
        await asyncio.sleep(HANG)
    return await forward(request)


@fault("CANCEL-01")
async def cancel_fails(request: Request, forward: Forward, memory: Json) -> Response:
    """No run can be cancelled."""
    return await _fails(request, forward, "cancel")


@fault("RETRY-02")
async def retry_changes_nothing(request: Request, forward: Forward, memory: Json) -> Response:
    """A retry is accepted with the run as it is, and nothing runs again."""
    if request.operation != "retry":
        return await forward(request)
    reply = await forward(request.to("get"))
    return Response(202, {}).put(reply.json()) if reply.status == 200 else await forward(request)


@fault("STEPS-09")
async def steps_never_end(request: Request, forward: Forward, memory: Json) -> Response:
    """Steps that have ended are shown as running, whatever the run is."""
    reply = await forward(request)
    if request.operation == "steps" and reply.status == 200 and reply.body:
        body = reply.json()
        for step in body["steps"]:
            if step["status"] in ("completed", "failed"):
                step.update(status="running", completedAt=None, durationSeconds=None, error=None)
        for name in ("completed", "failed", "pending", "running"):
            body[f"{name}Count"] = sum(step["status"] == name for step in body["steps"])
        return reply.put(body)
    return reply


@fault("LIST-10")
async def list_is_stale(request: Request, forward: Forward, memory: Json) -> Response:
    """A page stays as it was when it was first read."""
    if request.operation != "list":
        return await forward(request)
    key = str(sorted(request.query)) + str(sorted(request.headers.items()))
    if key not in memory:
        memory[key] = await forward(request)
    kept: Response = memory[key]
    return Response(kept.status, dict(kept.headers), kept.body)


@fault("EVENTS-04")
async def streams_are_silent(request: Request, forward: Forward, memory: Json) -> Response:
    """A stream begins, and nothing is ever sent on it."""
    reply = await forward(request)
    if reply.frames is not None:
        reply.frames = _silence()
    return reply


@fault("CANCEL-01")
async def cancel_hangs(request: Request, forward: Forward, memory: Json) -> Response:
    """A cancel gets no response, though it counts."""
    reply = await forward(request)
    if request.operation == "cancel" and 200 <= reply.status < 300:
        await asyncio.sleep(HANG)
    return reply


@fault("LIFE-02")
async def runs_never_start(request: Request, forward: Forward, memory: Json) -> Response:
    """A run stays pending, whatever it does."""
    reply = await forward(request)
    if request.operation in ("get", "list") and reply.status == 200 and reply.body:
        body = reply.json()
        for run in body.get("items", [body]):
            if run["status"] != "cancelled":
                run.update(dict.fromkeys(("startedAt", "completedAt", "durationSeconds", "error")))
                run["status"] = "pending"
        return reply.put(body)
    return reply


@fault()
async def reads_take_a_second(request: Request, forward: Forward, memory: Json) -> Response:
    """A run is read in a second, which is slow and no violation."""
    if request.operation == "get":
        await asyncio.sleep(1)
    return await forward(request)


@fault()
async def all_takes_half_a_second(request: Request, forward: Forward, memory: Json) -> Response:
    """Every response takes half a second more."""
    await asyncio.sleep(0.5)
    return await forward(request)


@fault("STEPS-01")
async def lost_every_tenth(request: Request, forward: Forward, memory: Json) -> Response:
    """Each tenth request fails with 503 and a page of a gateway."""
    memory["count"] = memory.get("count", 0) + 1
    if memory["count"] % 10 == 0:
        return Response(503, {"content-type": "text/html"}, b"<html><h1>503</h1></html>")
    return await forward(request)
