"""Mutants about caches, reads of earlier states and the time of day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from mutating_proxy import Forward, Json, Mutants, Request, Response

from mutants.events import is_end

mutant = Mutants()
QUICK = {"settle": "100ms"}
TRIGGER = {
    "provision": "http",
    "trigger": "POST /_mock/runs",
    "trigger_body": '{"scenario": "{state}"}',
}


def kept(name: str, operation: str) -> None:
    """Add a mutant that reads again for every fifth request with the same URL."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        url = f"{request.path}?{request.query}"
        if request.operation != operation or request.method != "GET":
            return await forward(request)
        count, status, headers, body = memory.get(url, (0, 0, {}, b""))
        if count % 5 == 0:
            reply = await forward(request)
            status, headers, body = reply.status, reply.headers, reply.body
        memory[url] = (count + 1, status, headers, body)
        return Response(status, dict(headers), body)

    mutate.__name__ = name
    mutant("LIFE-07", **QUICK)(mutate)


kept("runs_are_kept", "get")
kept("pages_are_kept", "list")


@mutant("LIFE-07", **QUICK)
async def streams_lag_behind(request: Request, forward: Forward, memory: Json) -> Response:
    """The end of a run reaches no subscriber that comes after it."""

    async def without_end(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for frame in frames:
            if not is_end(frame):
                yield frame

    reply = await forward(request)
    if reply.frames is not None:
        reply.frames = without_end(reply.frames)
    return reply


@mutant("LIFE-07", **QUICK)
async def retries_are_read_late(request: Request, forward: Forward, memory: Json) -> Response:
    """The replica that serves runs hears of a retry when the run has ended again."""
    if request.operation == "retry":
        before = await forward(request.to("get"))
        memory[request.run_id] = before.body
    reply = await forward(request)
    old = memory.get(request.run_id)
    if request.operation == "get" and old and reply.json()["status"] in ("pending", "running"):
        reply.body = old
    return reply


@mutant("LIFE-07", **QUICK)
async def steps_stay_as_they_were(request: Request, forward: Forward, memory: Json) -> Response:
    """A cache of the steps of finished runs, which a retry does not clear."""
    if request.operation == "retry":
        memory[request.run_id] = (await forward(request.to("steps"))).body
    reply = await forward(request)
    if request.operation == "steps":
        reply.body = memory.get(request.run_id, reply.body)
    return reply


@mutant("HTTP-14")
async def etag_is_the_id(request: Request, forward: Forward, memory: Json) -> Response:
    etag = f'"{request.run_id}"'
    reply = await forward(request)
    if request.operation == "get" and reply.status == 200:
        reply.headers["etag"] = etag
        if request.headers.get("if-none-match") == etag:
            return Response(304, {"etag": etag})
    return reply


@mutant("HTTP-14")
async def any_condition_holds(request: Request, forward: Forward, memory: Json) -> Response:
    if request.operation == "list" and "if-modified-since" in request.headers:
        return Response(304, {})
    return await forward(request)


def permits(name: str, operation: str, control: str) -> None:
    """Add a mutant whose successful responses to this operation have this Cache-Control."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        reply = await forward(request)
        if request.operation == operation and reply.status == 200:
            reply.headers["cache-control"] = control
        return reply

    mutate.__name__ = name
    mutant("HTTP-15")(mutate)


permits("public_for_a_minute", "get", "public, max-age=60")
permits("steps_for_a_proxy", "steps", "s-maxage=5")
permits("pages_for_anybody", "list", "max-age=10")


@mutant("GET-14", **TRIGGER)
async def local_time_with_z(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "get" and reply.status == 200:
        run = reply.json()
        for field in ("createdAt", "updatedAt"):
            local = datetime.fromisoformat(run[field]) + timedelta(hours=5, minutes=30)
            run[field] = local.isoformat().replace("+00:00", "Z")
        return reply.put(run)
    return reply
