"""Liars about what happens at the same moment, and about other tenants."""

from __future__ import annotations

from mutating_proxy import Ask, Forward, Json, Liars, Reply

lie = Liars()


@lie("CANCEL-06")
async def two_cancels_win(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """As where the status is looked at before it is locked: who came close behind wins as well."""
    reply = await forward(ask)
    if ask.operation == "cancel" and 200 <= reply.status < 300:
        memory[ask.run_id] = 1
    elif ask.operation == "cancel" and memory.get(ask.run_id, 0) == 1:
        memory[ask.run_id] = 2
        return await forward(ask.to("get"))
    return reply


@lie("CANCEL-07")
async def cancelled_it_says(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """Of a run at work: it says at once that it is cancelled, and lets it complete."""
    if ask.operation == "cancel":
        run = await forward(ask.to("get"))
        if run.status == 200 and run.json()["status"] == "running":
            return run.put(run.json() | {"status": "cancelled"})
    return await forward(ask)


@lie("RETRY-13")
async def another_run_in_the_dark(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """Retries that come too late are refused, and have made a run all the same."""
    reply = await forward(ask)
    if ask.operation == "retry" and reply.status == 409:
        memory.setdefault("dark", []).append((await forward(ask.to("get"))).json())
    if ask.operation == "list" and reply.status == 200 and memory.get("dark"):
        page = reply.json()
        more = [
            run | {"id": f"{run['id'][:-4]}{0xD000 + n:04x}"}
            for n, run in enumerate(memory["dark"])
        ]
        return reply.put({"items": more + page["items"], "total": page["total"] + len(more)})
    return reply


@lie("RETRY-13")
async def two_full_retries_win(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """Of retries from the beginning, who came close behind is told the same, and nothing comes of
    it."""
    reply = await forward(ask)
    if ask.operation == "retry" and b"full" in ask.body:
        if reply.status == 200:
            memory[ask.run_id] = 1
        elif memory.get(ask.run_id) == 1:
            memory[ask.run_id] = 2
            return await forward(ask.to("get"))
    return reply


@lie("AUTH-06")
async def not_found_and_cancelled(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """Another tenant's cancel is answered with 404, and done."""
    if ask.operation == "cancel":
        reply = await forward(ask)
        owner = memory.get("owner")
        if reply.status == 404 and owner:
            ask.headers = {**ask.headers, "authorization": owner}
            ask.headers.pop("x-api-key", None)
            await forward(ask)
        return reply
    if ask.headers.get("authorization", "").startswith("Bearer test-"):
        memory["owner"] = ask.headers["authorization"]
    return await forward(ask)


@lie("AUTH-10")
async def ours_listed_to_others(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """The other tenant sees our runs as well."""
    reply = await forward(ask)
    mine = "test-" in str(ask.headers.get("authorization"))
    if ask.operation == "list" and reply.status == 200:
        if mine:
            memory["ours"] = reply.json()["items"]
        elif memory.get("ours"):
            page = reply.json()
            return reply.put(page | {"items": memory["ours"] + page["items"]})
    return reply
