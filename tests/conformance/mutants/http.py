"""Liars about what holds for every operation: methods, paths, bodies, refusals, odd requests."""

from __future__ import annotations

import asyncio

from mutating_proxy import ROOT, Ask, Forward, Json, Liars, Reply

lie = Liars()
OVERSIZED = 32 * 1024


def oversized(ask: Ask) -> bool:
    """A header larger than any that means well."""
    return any(len(value) > OVERSIZED for value in ask.headers.values())


@lie("HTTP-01")
async def get_cancels_too(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """Links and crawlers could cancel."""
    if ask.method == "GET" and ask.operation == "cancel":
        ask.method = "POST"
    return await forward(ask)


@lie("HTTP-02")
async def page_not_found(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """What every route falls through to, made for people."""
    reply = await forward(ask)
    if reply.status == 404 and "no-such-thing" in ask.path:
        return Reply(404, {"content-type": "text/html"}, b"<h1>Not found</h1>")
    return reply


@lie("HTTP-03")
async def not_a_number(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """A serialiser that writes what JSON has not."""
    reply = await forward(ask)
    if ask.operation == "steps" and reply.status == 200:
        reply.body = reply.body.replace(b'"failedCount":0', b'"failedCount":NaN')
    return reply


@lie("HTTP-04")
async def nul_reaches_the_database(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """As with those whose text type ends at it."""
    reply = await forward(ask)
    if b"\\u0000" in ask.body:
        return reply.put({"detail": "Internal Server Error"}, 500)
    return reply


@lie("HTTP-05")
async def refuses_without_a_word(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """The framework's own error page for the one status that nobody thought of."""
    reply = await forward(ask)
    if reply.status == 404:
        return Reply(404, {"content-type": "text/plain"}, b"404")
    return reply


@lie("HTTP-06")
async def takes_any_type(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """Any page of another site could send a form with this body."""
    if ask.operation == "retry":
        ask.headers["content-type"] = "application/json"
    return await forward(ask)


@lie("HTTP-07")
async def falls_over_a_large_header(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """And does not get up again by itself."""
    memory["down"] = memory.get("down", 0) or 3 * oversized(ask)
    if memory["down"]:
        memory["down"] -= 1
        return Reply(502, {}).put({"detail": "Bad Gateway"})
    return await forward(ask)


@lie("HTTP-08")
async def negative_limits(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """More than nothing is left of nothing."""
    reply = await forward(ask)
    reply.headers |= {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "-1"}
    return reply


@lie("HTTP-08")
async def too_many_for_how_long(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """Every other page is one too many, and nobody is told when to come back."""
    memory["pages"] = memory.get("pages", 0) + (ask.operation == "list")
    if ask.operation == "list" and memory["pages"] % 2 == 0:
        return Reply(429, {}).put({"detail": "Too many requests"})
    return await forward(ask)


@lie("HTTP-09")
async def every_third_reading_is_stale(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """One of three replicas lags behind."""
    reply = await forward(ask)
    if ask.operation == "get" and reply.status == 200:
        memory["readings"] = memory.get("readings", 0) + 1
        run = reply.json()
        if memory["readings"] % 3 == 0 and run["status"] == "completed":
            return reply.put(run | {"updatedAt": run["createdAt"]})
    return reply


@lie("HTTP-10")
async def shows_its_stack(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """Debug mode was left on."""
    reply = await forward(ask)
    if reply.status == 422 and ask.operation == "get":
        trace = 'Traceback (most recent call last):\n  File "/srv/app/runs.py", line 12, in get\n'
        return reply.put(reply.json() | {"trace": trace})
    return reply


@lie("HTTP-11")
async def validation_error_as_text(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """The reason alone, as for other errors."""
    reply = await forward(ask)
    if reply.status == 422 and ask.operation == "retry":
        return reply.put({"detail": "Unprocessable"})
    return reply


@lie("HTTP-12")
async def head_is_not_found(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """A router that knows the six method names of its operations and no other."""
    if ask.method == "HEAD" and ask.path.startswith(ROOT):
        return Reply(404, {"content-type": "application/json"})
    return await forward(ask)


@lie("HTTP-13", timeout="1s")
async def waits_on_a_large_header(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """Neither answers nor hangs up."""
    if oversized(ask):
        await asyncio.sleep(2)
    return await forward(ask)
