"""The tools of `runs-mock mcp`, called by the SDK's client over stdio."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from agent import PATIENCE, Agent, check_schemas

RUNS = "/api/v1/automation-runs"
NO_RUN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def agent() -> Iterator[Agent]:
    """An agent, and the mock that the command starts for it."""
    with Agent.over_stdio("runs-mock", "mcp") as agent:
        yield agent


@pytest.fixture
def world(agent: Agent) -> dict[str, Any]:
    """A new world, which the session then uses."""
    return agent.call("create_world", now="2026-03-02T08:15:00Z", seed=7)


def fetch(world: dict[str, Any], path: str = "", method: str = "GET") -> httpx2.Response:
    """Send a request as the client under test does, as the tool says."""
    url = f"{world['baseUrl']}{RUNS}{path}"
    return httpx2.request(method, url, headers=world["headers"], timeout=PATIENCE, verify=False)


def test_the_tools_describe_themselves(agent: Agent) -> None:
    """An agent learns from them alone how to begin, and what each expects and returns."""
    tools = agent.tools
    check_schemas(tools)
    assert len(tools) == 11
    assert "create_world" in next(iter(tools))
    reading = {name for name, tool in tools.items() if tool.annotations.read_only_hint}
    assert reading == {"look_up", "list_runs", "get_run", "list_requests", "explain_request"}


def test_a_world_is_one_that_a_client_reaches(agent: Agent, world: dict[str, Any]) -> None:
    """At the address and with the headers that the tool returns."""
    assert fetch(world).json()["total"] == 0
    assert world["now"] == "2026-03-02T08:15:00.000Z"
    assert world["clock"] == "frozen"
    again = agent.call("create_world", name=world["world"], start="demo", clock="real", runs=3)
    assert (again["world"], again["clock"]) == (world["world"], "real")
    assert fetch(world).json()["total"] == again["runs"] > 0


def test_what_there_is_to_choose_from(agent: Agent) -> None:
    """Page by page; whatever is listed is accepted."""
    first = agent.call("look_up", kind="scenarios", limit=2)
    rest = agent.call("look_up", kind="scenarios", offset=2, limit=100)
    names = [item["name"] for item in first["items"] + rest["items"]]
    assert len(first["items"]) == 2
    assert len(set(names)) == len(names) == first["total"]
    assert "diamond" in names
    for kind, name in (
        ("behaviours", "fastapi"),
        ("fault-presets", "slow"),
        ("fault-kinds", "cut"),
    ):
        assert name in [
            item["name"] for item in agent.call("look_up", kind=kind, limit=50)["items"]
        ]
    kinds = agent.call("look_up", kind="fault-kinds", limit=50)["items"]
    for kind in kinds:
        agent.call("create_world")
        agent.call("set_faults", add=kind["example"].split())


@pytest.mark.usefixtures("world")
def test_a_run_goes_as_time_is_moved(agent: Agent) -> None:
    """To the next event, by a duration, and until it has a status."""
    changes = {"by-region": {"outcome": "fails", "takes": "4s"}}
    run = agent.call("create_run", scenario="diamond", changes=changes)["id"]
    clock = agent.call("move_time", toNext=True)
    assert (clock["reached"], clock["frozen"]) == (True, True)
    assert agent.call("get_run", run=run)["status"] == "running"
    agent.call("move_time", by="1s")
    assert agent.call("move_time", run=run, status="completed", by="1h")["reached"] is False
    shown = agent.call("get_run", run=run, limit=2)
    assert shown["status"] == "failed"
    assert [step["key"] for step in shown["steps"]] == ["fetch", "by-region"]
    assert shown["steps"][1]["outcome"] == "fails"
    assert shown["stepCount"] == 4
    assert shown["events"][-1]["event"] == "run.failed"
    assert agent.call("list_runs", status="failed")["items"][0]["id"] == run
    assert agent.call("list_runs", search="no such words")["total"] == 0


@pytest.mark.usefixtures("world")
def test_the_speed_of_the_clock(agent: Agent) -> None:
    """It can be shown, set, and stopped again."""
    assert agent.call("move_time", speed=60)["scale"] == 60
    assert agent.call("move_time", speed="real")["frozen"] is False
    assert agent.call("move_time", speed="frozen")["frozen"] is True
    assert agent.call("move_time")["reached"] is None


@pytest.mark.usefixtures("world")
def test_a_scenario_of_ones_own(agent: Agent) -> None:
    """As an object, or as JSON text, which some clients make of objects."""
    mine = '{"summary": "Mine", "automation": {"name": "Mine"}, "steps": [{"key": "only"}]}'
    run = agent.call("create_run", scenario=mine, changes='{"only": {"takes": "9s"}}')["id"]
    assert agent.call("get_run", run=run)["steps"][0]["takes"] == "9s"


@pytest.mark.usefixtures("world")
def test_a_run_is_steered(agent: Agent) -> None:
    """Each action has its effect at once."""

    def new(scenario: str) -> str:
        run: str = agent.call("create_run", scenario=scenario)["id"]
        agent.call("move_time", by="5s")
        return run

    run = new("hang")
    assert (
        agent.call("steer_run", run=run, action="fail", message="Out of paper")["status"]
        == "failed"
    )
    assert agent.call("get_run", run=run)["error"] == "Out of paper"
    assert agent.call("steer_run", run=run, action="retry", mode="full")["status"] == "pending"
    assert agent.call("steer_run", run=run, action="cancel")["status"] == "cancelled"
    assert agent.call("steer_run", run=new("hang"), action="complete")["status"] == "completed"
    for action, status in (("approve", "completed"), ("reject", "failed")):
        run = new("approval")
        agent.call("steer_run", run=run, action=action)
        assert agent.call("move_time", run=run, status=status)["reached"] is True
    run = new("flaky")
    agent.call("move_time", run=run, status="failed")
    step = agent.call("get_run", run=run)["steps"][1]["key"]
    agent.call("steer_run", run=run, action="retry", step=step)
    assert agent.call("move_time", run=run, status="completed")["reached"] is True


def test_faults_apply_to_the_client_alone(agent: Agent, world: dict[str, Any]) -> None:
    """They can be counted, listed and removed; the agent's own view is unharmed."""
    rules = agent.call("set_faults", add=["status.code=503"], operations=["listRuns"], count=1)
    assert rules["items"][0]["rule"]["operations"] == ["listRuns"]
    assert agent.call("list_runs")["total"] == 0
    assert fetch(world).status_code == 503
    assert fetch(world).status_code == 200
    assert agent.call("set_faults", preset="slow")["total"] >= 1
    assert agent.call("set_faults", clear=True)["total"] == 0


def test_requests_are_explained(agent: Agent, world: dict[str, Any]) -> None:
    """With the fault, the error of the request, or the open question that decided."""
    agent.call("set_faults", add=["status.code=503"], operations=["getRun"])
    run = agent.call("create_run", scenario="diamond")["id"]
    numbers = [
        int(fetch(world, path, method).headers["X-Mock-Request"])
        for path, method in ((f"/{run}", "GET"), ("?limit=x", "GET"), (f"/{run}/cancel", "POST"))
    ]
    faulty, invalid, cancelled = (agent.call("explain_request", number=each) for each in numbers)
    assert (faulty["status"], faulty["faults"]) == (503, ["status"])
    assert invalid["status"] == 422
    assert "limit" in invalid["errors"][0]
    assert cancelled["operation"] == "cancelRun"
    assert cancelled["contract"].startswith("/paths/")
    assert agent.call("list_requests")["total"] == 3
    assert agent.call("list_requests", limit=1)["items"][0]["number"] == numbers[2]
    assert agent.call("list_requests", problem="flaws")["items"][0]["number"] == numbers[1]
    assert agent.call("list_requests", status="5xx", operation="getRun")["total"] == 1


def test_coverage_is_of_the_client(agent: Agent, world: dict[str, Any]) -> None:
    """What it has not met is listed page by page, and counting can begin again."""
    before = agent.call("show_coverage", limit=3)
    fetch(world)
    after = agent.call("show_coverage", limit=3)
    assert after["met"] > before["met"]
    assert len(after["items"]) == 3 < after["total"]
    assert agent.call("show_coverage", clear=True)["met"] == 0


def test_results_are_small(agent: Agent) -> None:
    """Each tool's default result fits in about two thousand characters, in a busy world too."""
    agent.call("create_world", start="edge-cases")
    runs = agent.call("list_runs", limit=100)["items"]
    longest = max(runs, key=lambda run: len(run["automation"] or ""))
    for name, arguments in (
        ("list_runs", {}),
        ("get_run", {"run": longest["id"]}),
        ("show_coverage", {}),
        *(("look_up", {"kind": kind}) for kind in ("scenarios", "behaviours", "fault-kinds")),
    ):
        assert len(str(agent.call(name, **arguments))) < 3_000, name
    assert agent.failure("list_runs", limit=101).startswith("limit: expected ")


HOSTILE = ["../../etc/passwd", "x" * 100_000, "a\x00b\x1b[2J\r\n", "%2e%2e/", "\u202edrowssap", ""]


@pytest.mark.parametrize(
    "text", HOSTILE, ids=["path", "long", "control", "escaped", "bidi", "empty"]
)
@pytest.mark.usefixtures("world")
def test_hostile_text_is_an_error(agent: Agent, text: str) -> None:
    """In each argument: a short line that names the argument, and nothing else happens."""
    for tool, argument, others in (
        ("create_world", "name", {}),
        ("create_world", "start", {}),
        ("create_world", "behaviour", {}),
        ("create_world", "now", {}),
        ("look_up", "kind", {}),
        ("move_time", "world", {}),
        ("move_time", "by", {}),
        ("move_time", "run", {"status": "failed"}),
        ("create_run", "scenario", {}),
        ("create_run", "changes", {"scenario": "diamond"}),
        ("get_run", "run", {}),
        ("steer_run", "run", {"action": "cancel"}),
        ("set_faults", "preset", {}),
        ("set_faults", "lasts", {"add": ["drop"]}),
        ("list_requests", "status", {}),
        ("explain_request", "number", {}),
        (text or "nothing", "text", {}),
    ):
        failure = agent.failure(tool, **{argument: text}, **others)
        assert failure.isprintable(), (tool, argument)
        assert 10 < len(failure) < 1_000, (tool, argument)
        assert argument in failure or tool == text or not text, failure
    assert agent.call("list_runs")["total"] == 0


@pytest.mark.parametrize("value", [None, True, -1, 1.5, [], {}, [[]], {"a": {"b": []}}, 10**400])
@pytest.mark.usefixtures("world")
def test_wrong_types_are_errors(agent: Agent, value: Any) -> None:
    """Of required arguments; the error says what was expected."""
    for tool, argument, others in (
        ("look_up", "kind", {}),
        ("get_run", "run", {}),
        ("steer_run", "action", {"run": NO_RUN}),
        ("explain_request", "number", {}),
    ):
        if (tool, value) == ("explain_request", True):  # JSON's true is not a number.
            continue
        assert argument in agent.failure(tool, **{argument: value}, **others)


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("nothing", {}, "tool: expected one of create_world"),
        ("list_runs", {"wrold": "x"}, "Did you mean 'world'?"),
        ("get_run", {}, "run: expected a value, got none."),
        ("get_run", {"run": NO_RUN}, "does not have this run"),
        ("create_run", {"scenario": "diamnod"}, "Did you mean 'diamond'?"),
        ("create_run", {"scenario": "diamond", "changes": {"x": {}}}, "x"),
        ("create_run", {"scenario": {"summary": "Mine"}}, "scenario.automation"),
        ("create_world", {"name": "demo"}, "name: expected"),
        ("create_world", {"start": "nothing"}, "nothing"),
        ("create_world", {"now": "yesterday"}, "now"),
        ("move_time", {"by": "32d"}, "by: expected at most 31d"),
        ("move_time", {"by": "1h", "speed": 2}, "expected one of by, toNext"),
        ("move_time", {"run": NO_RUN}, "run and status"),
        ("move_time", {"speed": "fast"}, "speed: expected real, frozen"),
        (
            "steer_run",
            {"run": NO_RUN, "action": "cancel", "message": "x"},
            "message",
        ),
        ("steer_run", {"run": NO_RUN, "action": "cancel", "mode": "full"}, "mode"),
        (
            "steer_run",
            {"run": NO_RUN, "action": "retry", "mode": "from_step"},
            "step",
        ),
        ("set_faults", {"count": 3}, "count: expected with add only"),
        ("set_faults", {"add": ["dorp"]}, "Did you mean 'drop'?"),
        ("set_faults", {"add": ["latency.takes=5"]}, "latency"),
        ("set_faults", {"preset": "nothing"}, "preset: expected one of"),
        ("explain_request", {"number": 999_999_999}, "999999999"),
        ("list_runs", {"world": "nothing"}, "nothing"),
    ],
)
@pytest.mark.usefixtures("world")
def test_an_error_says_what_to_do(
    agent: Agent, tool: str, arguments: dict[str, Any], expected: str
) -> None:
    """It names the argument, and what is accepted."""
    assert expected in agent.failure(tool, **arguments)
