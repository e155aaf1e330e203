"""Mutants about one run, its life and its steps."""

from __future__ import annotations

from mutating_proxy import Forward, Json, Mutants, Request, Response

mutant = Mutants()
FINISHED = ("completed", "failed", "cancelled")
OLD = "2000-01-01T00:00:00.000Z"


def codes(**given: int) -> object:
    """Return some status codes as others, for one run."""
    wanted = {int(name.removeprefix("_")): status for name, status in given.items()}

    def change(request: Request, reply: Response) -> None:
        if request.operation != "list":
            reply.status = wanted.get(reply.status, reply.status)

    return change


mutant.answers(
    "GET-02", "CANCEL-08", "RETRY-14", "STEPS-11", "EVENTS-10",
    name="unknown-is-gone",
    change=codes(_404=410),
)  # fmt: skip
mutant.answers(
    "GET-03", "CANCEL-10", "RETRY-19", "STEPS-13", "EVENTS-14",
    name="malformed-is-not-found",
    change=codes(_422=404),
)  # fmt: skip
mutant.runs("GET-01", name="version-is-text", change=lambda run: run.update(versionNumber="7"))


@mutant("GET-04", "LIFE-04")
async def finished_runs_are_touched(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "get" and reply.status == 200:
        run = reply.json()
        memory["n"] = memory.get("n", 0) + 1
        if run["status"] in FINISHED:
            return reply.put(run | {"externalJobId": f"job-{memory['n']}"})
    return reply


mutant.runs(
    "GET-05", name="no-zone", change=lambda run: run.update(createdAt=run["createdAt"].rstrip("Z"))
)
mutant.runs(
    "GET-06",
    name="completed-before-created",
    change=lambda run: run.update(completedAt=run["completedAt"] and OLD),
)
mutant.runs(
    "GET-07",
    name="milliseconds-for-seconds",
    change=lambda run: run.update(durationSeconds=(run["durationSeconds"] or 0) * 1000 or None),
)
mutant.runs(
    "GET-07",
    name="lasts-half-a-second-longer",
    change=lambda run: run.update(
        durationSeconds=run["durationSeconds"] and run["durationSeconds"] + 0.5
    ),
)
mutant.runs("GET-08", name="never-dated", change=lambda run: run.update(completedAt=None))
mutant.runs("GET-09", name="always-an-error", change=lambda run: run.update(error={"code": "none"}))
mutant.runs(
    "GET-10",
    name="tenants-mixed",
    change=lambda run: run.update(tenantId=f"tenant-{int(run['id'][-1], 16) % 2}"),
)
mutant.runs(
    "GET-11",
    name="never-updated",
    change=lambda run: run.update(updatedAt=run["createdAt"]),
)
mutant.runs(
    "GET-12",
    name="another-version-when-done",
    change=lambda run: run.update(versionNumber=9) if run["status"] in FINISHED else None,
)
mutant.runs(
    "GET-13", name="id-without-dashes", change=lambda r: r.update(id=r["id"].replace("-", ""))
)


@mutant("LIFE-01")
async def back_in_the_queue(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "get" and reply.status == 200 and reply.json()["status"] == "running":
        memory["n"] = memory.get("n", 0) + 1
        if memory["n"] % 2 == 0:
            return reply.put(reply.json() | {"status": "pending"})
    return reply


mutant.runs(
    "LIFE-02", "RETRY-18",
    name="success-is-failure",
    change=lambda run: run.update(
        status="failed" if run["status"] == "completed" else run["status"]
    ),
)  # fmt: skip
mutant.runs("LIFE-03", name="failure-without-reason", change=lambda run: run.update(error=None))
mutant.runs(
    "LIFE-05",
    name="list-lags-behind",
    on="list",
    change=lambda run: run.update(status="running"),
)


@mutant("LIFE-06")
async def reading_leaves_a_mark(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "steps":
        memory[request.run_id] = True
    if request.operation == "get" and reply.status == 200 and request.run_id in memory:
        return reply.put(reply.json() | {"concurrencyKey": "seen"})
    return reply


def steps(change: object) -> object:
    """Apply a change to every step."""
    return lambda answer: [change(step) for step in answer["steps"]]  # type: ignore[operator]


def last_is_pending(answer: Json) -> None:
    """As if the last step of a completed run had not run."""
    if answer["steps"] and all(step["status"] == "completed" for step in answer["steps"]):
        answer["steps"][-1]["status"] = "pending"
        answer["pendingCount"] += 1
        answer["completedCount"] -= 1


def all_at_once(answer: Json) -> None:
    """As if every step had started with the first."""
    started = [step["startedAt"] for step in answer["steps"] if step["startedAt"]]
    for step in answer["steps"]:
        step["startedAt"] = step["startedAt"] and min(started)


mutant.objects(
    "STEPS-01", name="step-name-is-null", on="steps", change=steps(lambda s: s.update(name=7))
)
mutant.objects(
    "STEPS-02",
    name="steps-of-another-run",
    on="steps",
    change=lambda answer: answer.update(automationRunId="another"),
)
mutant.objects(
    "STEPS-03",
    name="one-completed-too-many",
    on="steps",
    change=lambda answer: answer.update(completedCount=answer["completedCount"] + 1),
)


@mutant("STEPS-03")
async def counts_before_the_retry(request: Request, forward: Forward, memory: Json) -> Response:
    """The counts are kept next to the steps, and are the old ones for a moment."""
    if request.operation == "retry":
        before = (await forward(request.to("steps"))).json()
        reply = await forward(request)
        if reply.status == 200:
            memory[reply.json()["id"]] = {n: v for n, v in before.items() if n.endswith("Count")}
        return reply
    reply = await forward(request)
    if request.operation == "steps" and reply.status == 200:
        reply.put(reply.json() | memory.pop(request.run_id, {}))
    return reply


mutant.objects(
    "STEPS-04",
    name="first-step-twice",
    on="steps",
    change=lambda answer: answer["steps"].append(answer["steps"][0]),
)
mutant.objects(
    "STEPS-05",
    name="dependency-on-nothing",
    on="steps",
    change=lambda answer: answer["steps"][-1]["dependsOn"].append("no-such-step"),
)
mutant.objects("STEPS-06", name="all-steps-at-once", on="steps", change=all_at_once)
mutant.objects(
    "STEPS-07",
    name="steps-end-before-they-begin",
    on="steps",
    change=steps(lambda s: s.update(completedAt=s["completedAt"] and OLD)),
)
mutant.objects(
    "STEPS-07",
    name="steps-last-half-a-second-longer",
    on="steps",
    change=steps(
        lambda s: s.update(durationSeconds=s["durationSeconds"] and s["durationSeconds"] + 0.5)
    ),
)
mutant.objects(
    "STEPS-08",
    name="steps-behind-a-failure-complete",
    on="steps",
    change=steps(
        lambda s: s.update(status="completed" if s["status"] == "skipped" else s["status"])
    ),
)
mutant.objects("STEPS-09", name="last-step-still-pending", on="steps", change=last_is_pending)
mutant.objects(
    "STEPS-10",
    name="truncated-in-words",
    on="steps",
    change=steps(lambda s: s.update(resultTruncated="no")),
)
mutant.objects(
    "STEPS-12",
    name="steps-before-the-run",
    on="steps",
    change=steps(lambda s: s.update(startedAt=s["startedAt"] and OLD)),
)


def lacking(name: str, on: str) -> None:
    """Add a mutant that leaves a field out of one representation of a run."""
    mutant.runs("LIFE-08", name=name, on=on, change=lambda run: run.pop("createdAt", None))


lacking("items-are-short", "list")
lacking("cancel-returns-less", "cancel")
lacking("retry-returns-less", "retry")
