"""Tools for runs: create, list and inspect them, and steer what happens to them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from mock_server.errors import UsageError
from mock_server.mcp.session import InWorld, Limit, MockSession, Offset, RunId
from mock_server.mcp.toolbox import FROM_JSON, Line, Result, Text, tool
from mock_server.mcp.world_tools import Status

_EVENTS = 8
JsonObject = Annotated[dict[str, Any], FROM_JSON]
StepKey = Annotated[str, Field(min_length=1, max_length=200)]


def _scenario(value: Any) -> Any:
    """Return the name or the definition of a scenario. Raise ValueError."""
    if isinstance(value, dict) or (isinstance(value, str) and 0 < len(value) <= 200):
        return value
    raise ValueError("expected the name of a scenario or an object")


Scenario = Annotated[
    Any,
    FROM_JSON,
    AfterValidator(_scenario),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": 200}, {"type": "object"}]}),
]


class CreateRun(InWorld):
    """The arguments of ``create_run``."""

    scenario: Scenario = Field(
        description="Name of a scenario, see look_up; or one of your own: {summary, automation: "
        "{name}, steps: [{key, dependsOn, takes, outcome}]}."
    )
    changes: Annotated[dict[StepKey, JsonObject], FROM_JSON] = Field(
        {},
        max_length=1_000,
        description="Changes by step key: takes (30s, or 1s..5s), outcome (succeeds, fails, hangs, "
        "'awaits decision'), result, error. Example: {'load': {'outcome': 'fails', 'takes': '5m'}}",
    )


class Run(Result):
    """A run in short."""

    id: str
    status: str
    scenario: Line | None = None
    automation: Line | None = None
    created_at: str
    started_at: str | None
    completed_at: str | None


async def create_run(given: CreateRun, mock: MockSession) -> Run:
    """Create a run of a scenario in the world. It is pending at first and goes on with the clock:
    call move_time if that is frozen."""
    body = {"scenario": given.scenario, "changes": given.changes}
    scenario = given.scenario if isinstance(given.scenario, str) else None
    return _run(await mock.post("/runs", given, body), scenario=scenario)


class ListRuns(InWorld):
    """The arguments of ``list_runs``."""

    status: Status | None = Field(None, description="Only runs in this status.")
    search: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="Only runs with these words in id, scenario, automation or trigger."
    )
    limit: Limit = 6
    offset: Offset = 0


class Runs(Result):
    """A page of runs, the newest first."""

    items: list[Run]
    total: int
    counts: dict[str, int] = Field(description="Number of runs by status.")


async def list_runs(given: ListRuns, mock: MockSession) -> Runs:
    """List the runs of the world, newest first. The client under test does not notice: the request
    is not recorded, and faults do not apply."""
    query = given.model_dump(exclude={"world"})
    found = await mock.get("/runs", given, **query)
    items = [
        _run(each["run"], scenario=each["scenario"], automation=each["automation"])
        for each in found["items"]
    ]
    return Runs(items=items, total=found["total"], counts=found["counts"])


class GetRun(InWorld):
    """The arguments of ``get_run``."""

    run: RunId
    limit: Limit = 10
    offset: Offset = 0


class Step(Result):
    """A step of a run."""

    key: Line
    status: str
    attempts: int
    depends_on: Line = Field(description="Keys of the steps before it, separated by commas.")
    outcome: Line = Field(description="What the scenario has in store, one word for each attempt.")
    takes: str


class Event(Result):
    """An event of the run, as its event stream sends it."""

    id: int
    at: str
    event: str
    step: Line | None


class RunDetails(Run):
    """A run with its steps and its newest events."""

    error: Text | None = Field(description="Message of the error of a failed run.")
    steps: list[Step] = Field(description="A page of the steps: limit and offset.")
    step_count: int
    events: list[Event] = Field(description="The newest events, the last one last.")
    event_count: int


async def get_run(given: GetRun, mock: MockSession) -> RunDetails:
    """Show a run: status, steps with what the scenario has in store for them, and newest events.
    The client under test does not notice."""
    found = await mock.get(f"/runs/{given.run}", given)
    definitions = found["definition"]["steps"]
    steps = list(zip(found["steps"]["steps"], definitions, strict=True))
    run, log = found["run"], found["log"]
    return RunDetails(
        **_run(run, scenario=found["scenario"], automation=found["automation"]).model_dump(),
        error=None if run["error"] is None else str(run["error"].get("message", run["error"])),
        steps=[
            _step(step, planned, found["attempts"])
            for step, planned in steps[given.offset : given.offset + given.limit]
        ],
        step_count=len(steps),
        events=[Event(**each) for each in log[-_EVENTS:]],
        event_count=len(log),
    )


def _step(step: dict[str, Any], planned: dict[str, Any], attempts: dict[str, int]) -> Step:
    outcomes = planned["outcome"]
    return Step(
        key=step["key"],
        status=step["status"],
        attempts=attempts.get(step["key"], 0),
        depends_on=", ".join(step["dependsOn"]),
        outcome=", ".join(outcomes) if isinstance(outcomes, list) else str(outcomes),
        takes=str(planned["takes"]),
    )


class SteerRun(InWorld):
    """The arguments of ``steer_run``."""

    run: RunId
    action: Literal["complete", "fail", "cancel", "approve", "reject", "retry"]
    step: StepKey | None = Field(
        None, description="Key of a step: end it alone, decide about it, or retry from it."
    )
    message: Annotated[str, Field(max_length=1_000)] | None = Field(
        None, description="Error message, with fail."
    )
    mode: Literal["from_failed", "full", "from_step"] | None = Field(
        None, description="With retry: the failed steps (default), all, or from the step `step`."
    )


_OUTCOMES = {"complete": "completed", "fail": "failed", "cancel": "cancelled"}


async def steer_run(given: SteerRun, mock: MockSession) -> Run:
    """Change what happens to a run now: complete, fail or cancel it (or one of its running steps),
    approve or reject the step that awaits a decision, or retry a finished run. A retry is sent as a
    client sends it, so it is recorded and faults apply to it."""
    if given.message is not None and given.action != "fail":
        raise UsageError(f"message: expected with fail only, got it with {given.action}.")
    if given.mode is not None and given.action != "retry":
        raise UsageError(f"mode: expected with retry only, got it with {given.action}.")
    step = {} if given.step is None else {"step": given.step}
    if given.action == "retry":
        return await _retry(given, mock)
    if given.action in ("approve", "reject"):
        body: dict[str, Any] = {"approved": given.action == "approve", **step}
        return _run(await mock.post(f"/runs/{given.run}/decision", given, body))
    body = {"outcome": _OUTCOMES[given.action], **step}
    if given.message is not None:
        body["error"] = {"code": "step_failed", "message": given.message}
    return _run(await mock.post(f"/runs/{given.run}/outcome", given, body))


async def _retry(given: SteerRun, mock: MockSession) -> Run:
    mode = given.mode or ("from_failed" if given.step is None else "from_step")
    if (mode == "from_step") != (given.step is not None):
        raise UsageError("step: expected with the mode from_step only, and there always.")
    body = {"mode": mode} if given.step is None else {"mode": mode, "stepKey": given.step}
    return _run(await mock.client.retry(given.run, mock.world(given), body))


def _run(
    content: dict[str, Any], *, scenario: str | None = None, automation: str | None = None
) -> Run:
    return Run(
        id=content["id"],
        status=content["status"],
        scenario=scenario,
        automation=automation,
        created_at=content["createdAt"],
        started_at=content["startedAt"],
        completed_at=content["completedAt"],
    )


TOOLS = (
    tool(create_run),
    tool(list_runs, reads=True),
    tool(get_run, reads=True),
    tool(steer_run),
)
