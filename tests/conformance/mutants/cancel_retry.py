"""Mutants about cancel and retry."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable

from mutating_proxy import Forward, Json, Mutants, Request, Response

mutant = Mutants()


def body(request: Request) -> object:
    """The request's body as JSON; None if it is none."""
    try:
        return json.loads(request.body)
    except ValueError:
        return None


def retry(request: Request, **changed: object) -> Request:
    """A retry with another body."""
    request.body = json.dumps(changed).encode()
    request.headers["content-type"] = "application/json"
    return request


def sends(*requirements: str, name: str, when: Callable[[Request], bool], **sent: object) -> None:
    """Add a mutant that takes such retries for another one."""

    def change(request: Request) -> None:
        if request.operation == "retry" and when(request):
            retry(request, **sent)

    mutant.asks(*requirements, name=name, change=change)


def after(
    status: int,
    *requirements: str,
    name: str,
    then: Callable[[Request], Request],
    silently: bool = False,
) -> None:
    """Add a mutant that goes on with another request where a retry is rejected with this status,
    and returns its response unless `silently`."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        reply = await forward(request)
        if request.operation != "retry" or reply.status != status:
            return reply
        second = await forward(then(request))
        return reply if silently else second

    mutate.__name__ = name
    mutant(*requirements)(mutate)


def is_object(request: Request) -> bool:
    """Whether the body is a JSON object."""
    return isinstance(body(request), dict)


def in_full(request: Request) -> Request:
    """The same retry of all steps."""
    return retry(request, mode="full")


def invalid(*place: str) -> Response:
    """Return a validation error at this place."""
    return Response(422, {}).put({"detail": [{"loc": place, "msg": "", "type": ""}]})


def note_retry(request: Request, reply: Response, memory: Json) -> None:
    """Remember a run that was retried."""
    if request.operation == "retry" and reply.status == 200:
        memory[request.run_id] = True


mutant.objects(
    "CANCEL-01", name="cancel-of-another", on="cancel", change=lambda run: run.update(id="another")
)


@mutant("CANCEL-02", "CANCEL-03")
async def cancel_only_says_so(request: Request, forward: Forward, memory: Json) -> Response:
    if request.operation != "cancel":
        return await forward(request)
    reply = await forward(request.to("get"))
    return reply.put(reply.json() | {"status": "cancelled"}) if reply.status == 200 else reply


@mutant("CANCEL-04")
async def work_goes_on(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "steps" and reply.status == 200:
        response = reply.json()
        for step in response["steps"]:
            step["status"] = step["status"].replace("cancelled", "running")
        return reply.put(response)
    return reply


@mutant("CANCEL-05")
async def cancelled_after_the_end(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "cancel" and reply.status == 409:
        memory[request.run_id] = True
    if request.operation == "get" and request.run_id in memory:
        return reply.put(reply.json() | {"status": "cancelled", "error": {"code": "cancelled"}})
    return reply


@mutant("RETRY-18")
async def cancel_outlives_its_attempt(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "cancel" and reply.status == 200:
        memory[request.run_id] = True
    if request.operation == "retry" and reply.status == 200 and request.run_id in memory:
        await forward(request.to("cancel"))
    return reply


@mutant("RETRY-18")
async def cancelled_steps_stay_so(request: Request, forward: Forward, memory: Json) -> Response:
    """Also when the run is retried, which completes without them."""
    reply = await forward(request)
    if request.operation == "steps" and reply.status == 200:
        shown = reply.json()
        left = memory.setdefault(request.run_id, [])
        left += [s["key"] for s in shown["steps"] if s["status"] == "cancelled"]
        for step in shown["steps"]:
            step["status"] = "cancelled" if step["key"] in left else step["status"]
        return reply.put(shown)
    return reply


@mutant("CANCEL-06", "RETRY-13")
async def conflicts_break_it(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    return Response(500, {}).put({"detail": "deadlock"}) if reply.status == 409 else reply


@mutant("CANCEL-07")
async def ended_twice(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "get" and reply.status == 200:
        run = reply.json()
        if run["status"] in ("completed", "cancelled"):
            memory[run["id"]] = memory.get(run["id"], 0) + 1
            if memory[run["id"]] > 1:
                return reply.put(run | {"status": "failed"})
    return reply


mutant.runs(
    "CANCEL-09",
    name="cancelled-without-date",
    change=lambda run: run.update(
        completedAt=None if run["status"] == "cancelled" else run["completedAt"]
    ),
)


@mutant("RETRY-01")
async def mode_is_required(request: Request, forward: Forward, memory: Json) -> Response:
    if request.operation == "retry" and body(request) == {}:
        return invalid("body", "mode")
    return await forward(request)


@mutant("RETRY-01")
async def media_type_is_compared_as_text(
    request: Request, forward: Forward, memory: Json
) -> Response:
    if request.operation == "retry" and "charset" in request.headers.get("content-type", ""):
        return Response(415, {}).put({"detail": "Unsupported Media Type"})
    return await forward(request)


@mutant("RETRY-06")
async def keys_of_steps_have_no_case(request: Request, forward: Forward, memory: Json) -> Response:
    content = body(request)
    if request.operation == "retry" and isinstance(content, dict) and "stepKey" in content:
        retry(request, **content | {"stepKey": str(content["stepKey"]).lower()})
    return await forward(request)


sends("RETRY-02", "RETRY-04", name="always-full", when=is_object, mode="full")
sends("RETRY-03", name="never-full", when=is_object, mode="from_failed")
after(422, "RETRY-05", name="refused_and_done", then=in_full, silently=True)
after(404, "RETRY-06", name="any_step_will_do", then=in_full)
after(422, "RETRY-07", "RETRY-08", name="wrong_values_are_left_out", then=in_full)
sends(
    "RETRY-09",
    "RETRY-10",
    name="no-object-is-an-empty-one",
    when=lambda request: not is_object(request),
)
after(
    409,
    "RETRY-11",
    name="retry_stops_what_runs",
    then=lambda request: request.to("cancel"),
    silently=True,
)


@mutant("RETRY-11")
async def retry_begins_what_waits(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "retry" and reply.status == 409:
        memory[request.run_id] = True
    if request.operation == "get" and request.run_id in memory and reply.status == 200:
        run = reply.json()
        if run["status"] == "pending":
            return reply.put(run | {"status": "running", "startedAt": run["createdAt"]})
    return reply


after(409, "RETRY-12", name="retry_only_says_so", then=lambda request: request.to("get"))


@mutant("RETRY-15")
async def retried_runs_are_not_listed(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    note_retry(request, reply, memory)
    if request.operation == "list" and reply.status == 200:
        page = reply.json()
        return reply.put(page | {"items": [r for r in page["items"] if r["id"] not in memory]})
    return reply


@mutant("RETRY-16")
async def null_is_refused(request: Request, forward: Forward, memory: Json) -> Response:
    if request.operation == "retry" and b"null" in request.body:
        return invalid("body")
    return await forward(request)


@mutant("RETRY-17")
async def no_body_breaks_it(request: Request, forward: Forward, memory: Json) -> Response:
    if request.operation == "retry" and not request.body:
        return Response(500, {}).put({"detail": "oops"})
    return await forward(request)


def leaves(name: str, *fields: str) -> None:
    """Add a mutant whose steps keep these fields when they are reset, until they end again."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        if request.operation == "retry":
            memory[request.run_id] = (await forward(request.to("steps"))).json().get("steps", [])
        reply = await forward(request)
        if request.operation == "steps" and request.run_id in memory and reply.status == 200:
            response = reply.json()
            for step, old in zip(response["steps"], memory[request.run_id], strict=True):
                if step["status"] in ("pending", "running"):
                    step |= {field: old[field] for field in fields}
            return reply.put(response)
        return reply

    mutate.__name__ = name
    mutant("RETRY-20")(mutate)


leaves("reset_steps_keep_their_end", "completedAt")
leaves("reset_steps_keep_their_error", "error")
leaves("reset_steps_keep_their_result", "result")


@mutant("RETRY-20")
async def retried_runs_keep_their_error(
    request: Request, forward: Forward, memory: Json
) -> Response:
    """Until they have ended again."""
    if request.operation == "retry":
        memory[request.run_id] = (await forward(request.to("get"))).json().get("error")
    reply = await forward(request)
    if request.operation == "get" and memory.get(request.run_id) and reply.status == 200:
        run = reply.json()
        if run["status"] in ("pending", "running"):
            return reply.put(run | {"error": memory[request.run_id]})
    return reply


def retried(name: str, on: str, **changed: object) -> None:
    """Add a mutant that changes these fields of a run once it was retried, where it shows it."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        reply = await forward(request)
        note_retry(request, reply, memory)
        if request.operation == on and reply.status == 200:
            value = reply.json()
            for run in value.get("items", [value]):
                run.update(changed if run["id"] in memory else {})
            return reply.put(value)
        return reply

    mutate.__name__ = name
    mutant("GET-12")(mutate)


retried("created_again_by_a_retry", "get", createdAt="2024-01-01T00:00:00.000Z")
retried("next_version_after_a_retry", "list", versionNumber=99)
retried("retry_is_the_trigger", "retry", triggerType="retry")


@mutant("RETRY-04")
async def sibling_branch_runs_again(request: Request, forward: Forward, memory: Json) -> Response:
    """All that depends on what the step depends on."""
    sent = body(request)
    if request.operation == "retry" and isinstance(sent, dict) and sent.get("stepKey"):
        steps = (await forward(request.to("steps"))).json()["steps"]
        needs = {step["key"]: step["dependsOn"] for step in steps}
        retry(request, mode="from_step", stepKey=(needs[sent["stepKey"]] or [sent["stepKey"]])[0])
    return await forward(request)


@mutant("RETRY-04")
async def last_step_brings_all_along(request: Request, forward: Forward, memory: Json) -> Response:
    sent = body(request)
    if request.operation == "retry" and isinstance(sent, dict) and sent.get("stepKey"):
        steps = (await forward(request.to("steps"))).json()["steps"]
        if not any(sent["stepKey"] in step["dependsOn"] for step in steps):
            retry(request, mode="full")
    return await forward(request)


sends(
    "RETRY-05",
    name="step-left-out-is-the-first",
    when=lambda request: body(request) == {"mode": "from_step"},
    mode="full",
)
sends(
    "RETRY-17", name="no-body-runs-everything", when=lambda request: not request.body, mode="full"
)


def shows_before(name: str, operation: str, requirement: str) -> None:
    """Add a mutant that reads the run before the operation, and returns that."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        if request.operation != operation:
            return await forward(request)
        before = await forward(request.to("get"))
        reply = await forward(request)
        return reply.put(before.json()) if reply.status == 200 else reply

    mutate.__name__ = name
    mutant(requirement)(mutate)


shows_before("response_is_of_before", "retry", "RETRY-21")
shows_before("cancelled_runs_are_shown_as_before", "cancel", "CANCEL-11")


@mutant("RETRY-22")
async def late_worker_ends_the_step(request: Request, forward: Forward, memory: Json) -> Response:
    """A worker of the attempt before ends a step, and later so does the one of the new attempt."""
    reply = await forward(request)
    if request.operation == "retry" and reply.status == 200:
        memory[request.run_id] = set()
    if request.operation == "steps" and reply.status == 200 and request.run_id in memory:
        response, seen = reply.json(), memory[request.run_id]
        for step in response["steps"]:
            if step["status"] == "completed" and step["key"] not in seen:
                seen.add(step["key"])
                step["completedAt"] = step["startedAt"]
        return reply.put(response)
    return reply


@mutant("GET-12")
async def events_name_another_version(request: Request, forward: Forward, memory: Json) -> Response:
    """Of a run that was retried; read by id it is of the version that it was of."""

    async def renamed(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        retried = False
        async for frame in frames:
            retried = retried or b"event: run.retried" in frame
            yield (
                re.sub(rb'"versionNumber": ?\d+', b'"versionNumber":99', frame)
                if retried
                else frame
            )

    reply = await forward(request)
    if reply.frames is not None:
        reply.frames = renamed(reply.frames)
    return reply
