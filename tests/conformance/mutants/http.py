"""Mutants of the rules of every operation: methods, paths, bodies, errors, odd requests."""

from __future__ import annotations

import asyncio

from mutating_proxy import ROOT, Forward, Json, Mutants, Request, Response

mutant = Mutants()
OVERSIZED = 32 * 1024


def oversized(request: Request) -> bool:
    """A header larger than any that means well."""
    return any(len(value) > OVERSIZED for value in request.headers.values())


@mutant("HTTP-01")
async def get_cancels_too(request: Request, forward: Forward, memory: Json) -> Response:
    """Links and crawlers could cancel."""
    if request.method == "GET" and request.operation == "cancel":
        request.method = "POST"
    return await forward(request)


@mutant("HTTP-02")
async def page_not_found(request: Request, forward: Forward, memory: Json) -> Response:
    """Return a fallback page made for people, not JSON."""
    reply = await forward(request)
    if reply.status == 404 and "no-such-thing" in request.path:
        return Response(404, {"content-type": "text/html"}, b"<h1>Not found</h1>")
    return reply


@mutant("HTTP-03")
async def not_a_number(request: Request, forward: Forward, memory: Json) -> Response:
    """Write a number that JSON does not have."""
    reply = await forward(request)
    if request.operation == "steps" and reply.status == 200:
        reply.body = reply.body.replace(b'"failedCount":0', b'"failedCount":NaN')
    return reply


@mutant("HTTP-04")
async def nul_reaches_the_database(request: Request, forward: Forward, memory: Json) -> Response:
    """Fail at NUL, as a database does whose text type ends at it."""
    reply = await forward(request)
    if b"\\u0000" in request.body:
        return reply.put({"detail": "Internal Server Error"}, 500)
    return reply


@mutant("HTTP-04")
async def last_event_id_must_be_a_number(
    request: Request, forward: Forward, memory: Json
) -> Response:
    """The header is parsed before anything else, and nothing catches what is raised."""
    try:
        int(request.headers.get("last-event-id", "0"))
    except ValueError:
        return Response(500, {}).put({"detail": "Internal Server Error"})
    return await forward(request)


@mutant("HTTP-05")
async def refuses_without_a_word(request: Request, forward: Forward, memory: Json) -> Response:
    """The framework's own error page for the one status that was forgotten."""
    reply = await forward(request)
    if reply.status == 404:
        return Response(404, {"content-type": "text/plain"}, b"404")
    return reply


@mutant("HTTP-06")
async def takes_any_type(request: Request, forward: Forward, memory: Json) -> Response:
    """Any page of another site could send a form with this body."""
    if request.operation == "retry":
        request.headers["content-type"] = "application/json"
    return await forward(request)


@mutant("HTTP-07")
async def falls_over_a_large_header(request: Request, forward: Forward, memory: Json) -> Response:
    """And does not get up again by itself."""
    memory["down"] = memory.get("down", 0) or 3 * oversized(request)
    if memory["down"]:
        memory["down"] -= 1
        return Response(502, {}).put({"detail": "Bad Gateway"})
    return await forward(request)


@mutant("HTTP-08")
async def negative_limits(request: Request, forward: Forward, memory: Json) -> Response:
    """More than nothing is left of nothing."""
    reply = await forward(request)
    reply.headers |= {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "-1"}
    return reply


@mutant("HTTP-08")
async def too_many_for_how_long(request: Request, forward: Forward, memory: Json) -> Response:
    """Every other page is one too many, and no response says when to retry."""
    memory["pages"] = memory.get("pages", 0) + (request.operation == "list")
    if request.operation == "list" and memory["pages"] % 2 == 0:
        return Response(429, {}).put({"detail": "Too many requests"})
    return await forward(request)


@mutant("HTTP-09")
async def every_third_reading_is_stale(
    request: Request, forward: Forward, memory: Json
) -> Response:
    """One of three replicas lags behind."""
    reply = await forward(request)
    if request.operation == "get" and reply.status == 200:
        memory["readings"] = memory.get("readings", 0) + 1
        run = reply.json()
        if memory["readings"] % 3 == 0 and run["status"] == "completed":
            return reply.put(run | {"updatedAt": run["createdAt"]})
    return reply


@mutant("HTTP-10")
async def shows_its_stack(request: Request, forward: Forward, memory: Json) -> Response:
    """Debug mode was left on."""
    reply = await forward(request)
    if reply.status == 422 and request.operation == "get":
        trace = 'Traceback (most recent call last):\n  File "/srv/app/runs.py", line 12, in get\n'
        return reply.put(reply.json() | {"trace": trace})
    return reply


@mutant("HTTP-11")
async def validation_error_as_text(request: Request, forward: Forward, memory: Json) -> Response:
    """The reason alone, as for other errors."""
    reply = await forward(request)
    if reply.status == 422 and request.operation == "retry":
        return reply.put({"detail": "Unprocessable"})
    return reply


@mutant("HTTP-11")
async def cancel_rejects_in_its_own_way(
    request: Request, forward: Forward, memory: Json
) -> Response:
    """One operation was written by another team."""
    reply = await forward(request)
    if reply.status == 422 and request.operation == "cancel":
        return reply.put({"errors": [{"field": "run_id", "message": "malformed"}]})
    return reply


@mutant("HTTP-12")
async def head_is_not_found(request: Request, forward: Forward, memory: Json) -> Response:
    """A router that knows the six method names of its operations and no other."""
    if request.method == "HEAD" and request.path.startswith(ROOT):
        return Response(404, {"content-type": "application/json"})
    return await forward(request)


@mutant("HTTP-13", timeout="3s")
async def waits_on_a_large_header(request: Request, forward: Forward, memory: Json) -> Response:
    """Neither respond nor close the connection."""
    if oversized(request):
        await asyncio.sleep(6)
    return await forward(request)
