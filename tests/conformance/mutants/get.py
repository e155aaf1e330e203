"""Liars about one run, its life and its steps."""

from __future__ import annotations

from mutating_proxy import Ask, Forward, Json, Liars, Reply

lie = Liars()
FINISHED = ("completed", "failed", "cancelled")
OLD = "2000-01-01T00:00:00.000Z"


def codes(**given: int) -> object:
    """Answer some statuses as others, for one run."""
    wanted = {int(name.removeprefix("_")): status for name, status in given.items()}

    def change(ask: Ask, reply: Reply) -> None:
        if ask.operation != "list":
            reply.status = wanted.get(reply.status, reply.status)

    return change


lie.answers(
    "GET-02", "CANCEL-08", "RETRY-14", "STEPS-11", "EVENTS-10",
    name="unknown-is-gone",
    change=codes(_404=410),
)  # fmt: skip
lie.answers(
    "GET-03", "CANCEL-10", "RETRY-19", "STEPS-13", "EVENTS-14",
    name="malformed-is-not-found",
    change=codes(_422=404),
)  # fmt: skip
lie.runs("GET-01", name="version-is-text", change=lambda run: run.update(versionNumber="7"))


@lie("GET-04", "LIFE-04")
async def finished_runs_are_touched(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "get" and reply.status == 200:
        run = reply.json()
        memory["n"] = memory.get("n", 0) + 1
        if run["status"] in FINISHED:
            return reply.put(run | {"externalJobId": f"job-{memory['n']}"})
    return reply


lie.runs(
    "GET-05", name="no-zone", change=lambda run: run.update(createdAt=run["createdAt"].rstrip("Z"))
)
lie.runs(
    "GET-06",
    name="completed-before-created",
    change=lambda run: run.update(completedAt=run["completedAt"] and OLD),
)
lie.runs(
    "GET-07",
    name="milliseconds-for-seconds",
    change=lambda run: run.update(durationSeconds=(run["durationSeconds"] or 0) * 1000 or None),
)
lie.runs(
    "GET-07",
    name="lasts-half-a-second-longer",
    change=lambda run: run.update(
        durationSeconds=run["durationSeconds"] and run["durationSeconds"] + 0.5
    ),
)
lie.runs("GET-08", name="never-dated", change=lambda run: run.update(completedAt=None))
lie.runs("GET-09", name="always-an-error", change=lambda run: run.update(error={"code": "none"}))
lie.runs(
    "GET-10",
    name="tenants-mixed",
    change=lambda run: run.update(tenantId=f"tenant-{int(run['id'][-1], 16) % 2}"),
)
lie.runs(
    "GET-11",
    name="never-updated",
    change=lambda run: run.update(updatedAt=run["createdAt"]),
)
lie.runs(
    "GET-12",
    name="another-version-when-done",
    change=lambda run: run.update(versionNumber=9) if run["status"] in FINISHED else None,
)
lie.runs("GET-13", name="id-without-dashes", change=lambda r: r.update(id=r["id"].replace("-", "")))


@lie("LIFE-01")
async def back_in_the_queue(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "get" and reply.status == 200 and reply.json()["status"] == "running":
        memory["n"] = memory.get("n", 0) + 1
        if memory["n"] % 2 == 0:
            return reply.put(reply.json() | {"status": "pending"})
    return reply


lie.runs(
    "LIFE-02", "RETRY-18",
    name="success-is-failure",
    change=lambda run: run.update(
        status="failed" if run["status"] == "completed" else run["status"]
    ),
)  # fmt: skip
lie.runs("LIFE-03", name="failure-without-reason", change=lambda run: run.update(error=None))
lie.runs(
    "LIFE-05",
    name="list-lags-behind",
    on="list",
    change=lambda run: run.update(status="running"),
)


@lie("LIFE-06")
async def reading_leaves_a_mark(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "steps":
        memory[ask.run_id] = True
    if ask.operation == "get" and reply.status == 200 and ask.run_id in memory:
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


lie.objects(
    "STEPS-01", name="step-name-is-null", on="steps", change=steps(lambda s: s.update(name=7))
)
lie.objects(
    "STEPS-02",
    name="steps-of-another-run",
    on="steps",
    change=lambda answer: answer.update(automationRunId="another"),
)
lie.objects(
    "STEPS-03",
    name="one-completed-too-many",
    on="steps",
    change=lambda answer: answer.update(completedCount=answer["completedCount"] + 1),
)


@lie("STEPS-03")
async def counts_before_the_retry(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """The counts are kept beside the steps, and are the old ones for a moment."""
    if ask.operation == "retry":
        before = (await forward(ask.to("steps"))).json()
        reply = await forward(ask)
        if reply.status == 200:
            memory[reply.json()["id"]] = {n: v for n, v in before.items() if n.endswith("Count")}
        return reply
    reply = await forward(ask)
    if ask.operation == "steps" and reply.status == 200:
        reply.put(reply.json() | memory.pop(ask.run_id, {}))
    return reply


lie.objects(
    "STEPS-04",
    name="first-step-twice",
    on="steps",
    change=lambda answer: answer["steps"].append(answer["steps"][0]),
)
lie.objects(
    "STEPS-05",
    name="dependency-on-nothing",
    on="steps",
    change=lambda answer: answer["steps"][-1]["dependsOn"].append("no-such-step"),
)
lie.objects("STEPS-06", name="all-steps-at-once", on="steps", change=all_at_once)
lie.objects(
    "STEPS-07",
    name="steps-end-before-they-begin",
    on="steps",
    change=steps(lambda s: s.update(completedAt=s["completedAt"] and OLD)),
)
lie.objects(
    "STEPS-07",
    name="steps-last-half-a-second-longer",
    on="steps",
    change=steps(
        lambda s: s.update(durationSeconds=s["durationSeconds"] and s["durationSeconds"] + 0.5)
    ),
)
lie.objects(
    "STEPS-08",
    name="steps-behind-a-failure-complete",
    on="steps",
    change=steps(
        lambda s: s.update(status="completed" if s["status"] == "skipped" else s["status"])
    ),
)
lie.objects("STEPS-09", name="last-step-still-pending", on="steps", change=last_is_pending)
lie.objects(
    "STEPS-10",
    name="truncated-in-words",
    on="steps",
    change=steps(lambda s: s.update(resultTruncated="no")),
)
lie.objects(
    "STEPS-12",
    name="steps-before-the-run",
    on="steps",
    change=steps(lambda s: s.update(startedAt=s["startedAt"] and OLD)),
)
