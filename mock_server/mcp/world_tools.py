"""Tools for worlds: create one, see what there is to choose from, and move its time."""

import shlex
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from mock_server.engine.clock import DAY, SECOND
from mock_server.engine.duration import parse_duration
from mock_server.engine.randomness import MAX_SEED
from mock_server.errors import UsageError
from mock_server.mcp.control_client import RUNS
from mock_server.mcp.session import InWorld, Limit, MockSession, Offset, RunId, new_world_name
from mock_server.mcp.toolbox import Arguments, Line, Result, Text, tool

_MAX_ADVANCE = 31 * DAY
Status = Literal["pending", "running", "completed", "failed", "cancelled"]


def _speed(value: Any) -> str | float:
    """Return a speed: a word or a number. Raise ValueError."""
    if value in ("real", "frozen"):
        return str(value)
    try:
        number = float(str(value).removesuffix("x"))
    except ValueError:
        number = 0.0
    if isinstance(value, bool) or not 0.001 <= number <= 100_000:
        raise ValueError("expected real, frozen, or a number from 0.001 to 100000")
    return number


Speed = Annotated[
    str | float,
    PlainValidator(_speed),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["real", "frozen"]},
                {"type": "number", "minimum": 0.001, "maximum": 100_000},
            ]
        }
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Duration = Annotated[str, Field(max_length=40)]


class CreateWorld(Arguments):
    """The arguments of ``create_world``."""

    name: Annotated[str, Field(pattern="^test-[a-z0-9._-]{1,59}$")] | None = Field(
        None,
        description="Name, such as test-checkout; by default a new one. An open world of this name "
        "is replaced.",
    )
    clock: Speed = Field(
        "frozen",
        description="frozen: time moves only by move_time. real, or how many times real time.",
    )
    start: Name = Field(
        "empty", description="Initial runs: empty, demo, edge-cases or ten-thousand."
    )
    seed: int | None = Field(
        None, ge=0, le=MAX_SEED, description="Seed of ids, names and durations."
    )
    now: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="Initial time, such as 2026-03-02T08:15:00Z."
    )
    runs: int | None = Field(None, ge=0, le=10_000, description="Number of past runs.")
    live: int | None = Field(None, ge=0, le=1_000, description="Number of runs in progress.")
    behaviour: Name | None = Field(
        None, description="Behaviour profile, see look_up; by default that of the mock."
    )


class World(Result):
    """A world, and how a client reaches it."""

    world: str = Field(description="Name of the world, for other tools.")
    base_url: str = Field(description="Base URL of the API for the client under test.")
    headers: dict[str, str] = Field(description="Headers with the credential of the client.")
    curl: str
    now: str
    clock: str
    runs: int
    seed: int


async def create_world(given: CreateWorld, mock: MockSession) -> World:
    """Create a world: runs, clock, seed, faults and request journal of one tenant of the mocked
    Automation runs API. The other tools of this session then act on it. Point the client under test
    at baseUrl and let it send headers. Begin with this tool; worlds do not affect each other."""
    name = given.name or new_world_name()
    body = given.model_dump(exclude_none=True, exclude={"name", "clock"})
    body["scale"] = {"real": 1, "frozen": 0}.get(str(given.clock), given.clock)
    world = await mock.client.call("POST", "/reset", body, {"world": name})
    mock.worlds.use(mock.key, name)
    return World(
        world=name,
        base_url=mock.client.url,
        headers={"X-API-Key": name},
        curl=f"curl -H 'X-API-Key: {name}' {shlex.quote(mock.client.url + RUNS)}",
        now=world["now"],
        clock=str(given.clock),
        runs=world["runs"],
        seed=world["seed"],
    )


class LookUp(Arguments):
    """The arguments of ``look_up``."""

    kind: Literal["scenarios", "behaviours", "fault-presets", "fault-kinds"]
    limit: Limit = 10
    offset: Offset = 0


class Choice(Result):
    """Something to choose, with an example where its name is not all there is to write."""

    name: Line
    summary: Text
    example: Text | None = None


class Choices(Result):
    """What there is to choose from."""

    items: list[Choice]
    total: int


_PATHS = {
    "scenarios": "/scenarios",
    "behaviours": "/questions",
    "fault-presets": "/fault-presets",
    "fault-kinds": "/fault-kinds",
}


async def look_up(given: LookUp, mock: MockSession) -> Choices:
    """List what other tools accept: scenarios for create_run (with their step keys), behaviours for
    create_world, fault-presets and fault-kinds for set_faults."""
    content = await mock.client.call("GET", _PATHS[given.kind])
    found = content["profiles" if given.kind == "behaviours" else "items"]
    page = found[given.offset : given.offset + given.limit]
    return Choices(items=[_choice(each) for each in page], total=len(found))


def _choice(item: dict[str, Any]) -> Choice:
    example = item.get("example")
    if keys := item.get("stepKeys"):
        more = ", ..." if len(keys) > 8 else ""
        example = f"steps: {', '.join(keys[:8])}{more}"
    return Choice(
        name=item["name"], summary=item.get("summary") or item["description"], example=example
    )


class MoveTime(InWorld):
    """The arguments of ``move_time``."""

    by: Duration | None = Field(
        None, description="How far to advance, such as 250ms, 30s, 5m, 2h or 31d."
    )
    to_next: bool = Field(False, description="Advance to the next due event only.")
    run: RunId | None = Field(None, description="With status: advance until this run has it.")
    status: Status | None = None
    speed: Speed | None = Field(
        None, description="Set the speed instead: frozen, real, or how many times real time."
    )


class Clock(Result):
    """The clock of a world."""

    world: str
    now: str
    frozen: bool
    scale: float
    next_due_at: str | None = Field(description="Time of the next event; null if nothing is due.")
    reached: bool | None = Field(
        description="Whether what was waited for has happened; null if nothing was."
    )


async def move_time(given: MoveTime, mock: MockSession) -> Clock:
    """Advance the clock of the world, or set its speed; without arguments, show it. Everything due
    on the way has happened when the tool returns. Give `by` to advance by a duration; `toNext` to
    advance to the next event; `run` and `status` to advance until a run has a status (at most `by`,
    one day by default). If `reached` is false, it did not happen: the run may hang or await a
    decision, see get_run."""
    if (given.run is None) != (given.status is None):
        raise UsageError("run and status: expected both or none, got one.")
    modes = [given.speed is not None, given.to_next, given.run is not None]
    if sum(modes) > 1 or (given.speed is not None and given.by is not None):
        raise UsageError("expected one of by, toNext, run with status, or speed, got several.")
    if given.speed is not None:
        return _clock(await _set_speed(given, given.speed, mock))
    body: dict[str, Any] = {}
    if given.by is not None:
        body["seconds"] = _seconds(given.by)
    if given.to_next:
        body["toNext"] = True
    if given.run is not None:
        body["until"] = {"run": given.run, "status": given.status}
    if not body:
        return _clock(await mock.get("/clock", given))
    return _clock(await mock.post("/clock/advance", given, body))


async def _set_speed(given: MoveTime, speed: str | float, mock: MockSession) -> Any:
    if speed == "frozen":
        return await mock.post("/clock/freeze", given)
    scale = 1.0 if speed == "real" else speed
    await mock.post("/clock/scale", given, {"scale": scale})
    return await mock.post("/clock/resume", given)


def _seconds(text: str) -> float:
    """Return the seconds of a duration. Raise UsageError."""
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"by: {error}") from None
    if span > _MAX_ADVANCE:
        raise UsageError(f"by: expected at most 31d, got {text}. Advance several times.")
    return span / SECOND


def _clock(content: dict[str, Any]) -> Clock:
    return Clock(**{"reached": None, **content})


TOOLS = (
    tool(create_world, replaces=True),
    tool(look_up, reads=True),
    tool(move_time),
)
