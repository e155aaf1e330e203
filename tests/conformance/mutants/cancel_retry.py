"""Liars about cancel and retry."""

from __future__ import annotations

import json

from mutating_proxy import Ask, Forward, Json, Liars, Reply

lie = Liars()


def body(ask: Ask) -> object:
    """The request's body as JSON; None if it is none."""
    try:
        return json.loads(ask.body)
    except ValueError:
        return None


def retry(ask: Ask, **changed: object) -> Ask:
    """A retry with another body."""
    ask.body = json.dumps(changed).encode()
    ask.headers["content-type"] = "application/json"
    return ask


lie.objects(
    "CANCEL-01", name="cancel-of-another", on="cancel", change=lambda run: run.update(id="another")
)


@lie("CANCEL-02", "CANCEL-03")
async def cancel_only_says_so(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if ask.operation != "cancel":
        return await forward(ask)
    reply = await forward(ask.to("get"))
    return reply.put(reply.json() | {"status": "cancelled"}) if reply.status == 200 else reply


@lie("CANCEL-04")
async def work_goes_on(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "steps" and reply.status == 200:
        response = reply.json()
        for step in response["steps"]:
            step["status"] = step["status"].replace("cancelled", "running")
        return reply.put(response)
    return reply


@lie("CANCEL-05")
async def cancelled_after_the_end(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "cancel" and reply.status == 409:
        memory[ask.run_id] = True
    if ask.operation == "get" and ask.run_id in memory:
        return reply.put(reply.json() | {"status": "cancelled", "error": {"code": "cancelled"}})
    return reply


@lie("CANCEL-06", "RETRY-13")
async def conflicts_break_it(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    return Reply(500, {}).put({"detail": "deadlock"}) if reply.status == 409 else reply


@lie("CANCEL-07")
async def ended_twice(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "get" and reply.status == 200:
        run = reply.json()
        if run["status"] in ("completed", "cancelled"):
            memory[run["id"]] = memory.get(run["id"], 0) + 1
            if memory[run["id"]] > 1:
                return reply.put(run | {"status": "failed"})
    return reply


lie.runs(
    "CANCEL-09",
    name="cancelled-without-date",
    change=lambda run: run.update(
        completedAt=None if run["status"] == "cancelled" else run["completedAt"]
    ),
)


@lie("RETRY-01")
async def mode_is_required(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if ask.operation == "retry" and body(ask) == {}:
        return Reply(422, {}).put({"detail": [{"loc": ["body", "mode"], "msg": "", "type": ""}]})
    return await forward(ask)


@lie("RETRY-02", "RETRY-04")
async def always_full(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if ask.operation == "retry" and isinstance(body(ask), dict):
        retry(ask, mode="full")
    return await forward(ask)


@lie("RETRY-03")
async def never_full(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if ask.operation == "retry" and isinstance(body(ask), dict):
        retry(ask, mode="from_failed")
    return await forward(ask)


@lie("RETRY-05")
async def refused_and_done(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "retry" and reply.status == 422:
        await forward(retry(ask, mode="full"))
    return reply


@lie("RETRY-06")
async def any_step_will_do(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "retry" and reply.status == 404:
        return await forward(retry(ask, mode="full"))
    return reply


@lie("RETRY-07", "RETRY-08")
async def wrong_values_are_left_out(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "retry" and reply.status == 422:
        return await forward(retry(ask, mode="full"))
    return reply


@lie("RETRY-09", "RETRY-10")
async def no_object_is_an_empty_one(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if ask.operation == "retry" and not isinstance(body(ask), dict):
        retry(ask)
    return await forward(ask)


@lie("RETRY-11")
async def retry_stops_what_runs(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "retry" and reply.status == 409:
        await forward(ask.to("cancel"))
    return reply


@lie("RETRY-11")
async def retry_begins_what_waits(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "retry" and reply.status == 409:
        memory[ask.run_id] = True
    if ask.operation == "get" and ask.run_id in memory and reply.status == 200:
        run = reply.json()
        if run["status"] == "pending":
            return reply.put(run | {"status": "running", "startedAt": run["createdAt"]})
    return reply


@lie("RETRY-12")
async def retry_only_says_so(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "retry" and reply.status == 409:
        return await forward(ask.to("get"))
    return reply


@lie("RETRY-15")
async def retried_runs_are_not_listed(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "retry" and reply.status == 200:
        memory[ask.run_id] = True
    if ask.operation == "list" and reply.status == 200:
        page = reply.json()
        return reply.put(page | {"items": [r for r in page["items"] if r["id"] not in memory]})
    return reply


@lie("RETRY-16")
async def null_is_refused(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if ask.operation == "retry" and b"null" in ask.body:
        return Reply(422, {}).put({"detail": [{"loc": ["body"], "msg": "", "type": ""}]})
    return await forward(ask)


@lie("RETRY-17")
async def no_body_breaks_it(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if ask.operation == "retry" and not ask.body:
        return Reply(500, {}).put({"detail": "oops"})
    return await forward(ask)


def leaves(name: str, *fields: str) -> None:
    """One whose steps keep these fields when they are reset, until they have ended again."""

    async def spoil(ask: Ask, forward: Forward, memory: Json) -> Reply:
        if ask.operation == "retry":
            memory[ask.run_id] = (await forward(ask.to("steps"))).json().get("steps", [])
        reply = await forward(ask)
        if ask.operation == "steps" and ask.run_id in memory and reply.status == 200:
            response = reply.json()
            for step, old in zip(response["steps"], memory[ask.run_id], strict=True):
                if step["status"] in ("pending", "running"):
                    step |= {field: old[field] for field in fields}
            return reply.put(response)
        return reply

    spoil.__name__ = name
    lie("RETRY-20")(spoil)


leaves("reset_steps_keep_their_end", "completedAt")
leaves("reset_steps_keep_their_error", "error")
leaves("reset_steps_keep_their_result", "result")


@lie("RETRY-20")
async def retried_runs_keep_their_error(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """Until they have ended again."""
    if ask.operation == "retry":
        memory[ask.run_id] = (await forward(ask.to("get"))).json().get("error")
    reply = await forward(ask)
    if ask.operation == "get" and memory.get(ask.run_id) and reply.status == 200:
        run = reply.json()
        if run["status"] in ("pending", "running"):
            return reply.put(run | {"error": memory[ask.run_id]})
    return reply
