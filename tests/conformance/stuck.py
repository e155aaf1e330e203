"""Backends of which one transition never comes, as changes before a backend in real time."""

from __future__ import annotations

from mutating_proxy import Forward, Json, Mutants, Request, Response, replaced

mutant = Mutants()
FINISHED = ("completed", "failed", "cancelled")


@mutant("CANCEL-02", "CANCEL-03")
async def cancel_is_not_stored(request: Request, forward: Forward, memory: Json) -> Response:
    """The response shows the cancelled run, and nothing else does."""
    if request.operation != "cancel":
        return await forward(request)
    reply = await forward(request.to("get"))
    if reply.status != 200 or reply.json()["status"] in FINISHED:
        return await forward(request)
    run = reply.json()
    ended = {"status": "cancelled", "completedAt": run["updatedAt"], "durationSeconds": None}
    return reply.put(run | ended)


@mutant("RETRY-18")
async def retried_runs_never_end(request: Request, forward: Forward, memory: Json) -> Response:
    """A run that was retried stays running."""
    reply = await forward(request)
    retried = memory.setdefault("retried", set())
    if request.operation == "retry" and 200 <= reply.status < 300:
        retried.add(reply.json()["id"])
    if request.operation in ("get", "list") and reply.status == 200 and reply.body:
        body = reply.json()
        for run in body.get("items", [body]):
            if run["id"] in retried and run["status"] in FINISHED:
                run |= {"status": "running", "completedAt": None, "durationSeconds": None}
                run["error"] = None
        return reply.put(body)
    if reply.frames is not None and request.run_id in retried:
        reply.frames = replaced(reply.frames, _without_end)
    return reply


@mutant("GET-01")
async def canceled_with_one_l(request: Request, forward: Forward, memory: Json) -> Response:
    """The status is spelled in the American way."""
    reply = await forward(request)
    if reply.frames is not None:
        reply.frames = replaced(reply.frames, lambda frame: [_respelled(frame)])
    elif request.operation in ("get", "list", "cancel", "retry"):
        reply.body = _respelled(reply.body)
    return reply


@mutant("EVENTS-04")
async def streams_never_end(request: Request, forward: Forward, memory: Json) -> Response:
    """No terminal event comes, and the stream stays open."""
    reply = await forward(request)
    if reply.frames is not None:
        reply.frames = replaced(reply.frames, _without_end)
    return reply


def _without_end(frame: bytes) -> list[bytes]:
    return [] if any(f"event: run.{end}".encode() in frame for end in FINISHED) else [frame]


def _respelled(text: bytes) -> bytes:
    return text.replace(b'"status": "cancelled"', b'"status": "canceled"').replace(
        b'"status":"cancelled"', b'"status":"canceled"'
    )
