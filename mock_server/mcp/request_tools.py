"""Tools for what the client under test meets and does: faults, requests, reasons and coverage."""

from typing import Annotated, Any, Literal

from pydantic import Field

from mock_server.errors import UsageError, unknown_name
from mock_server.faults.notation import parse
from mock_server.faults.rate_limit import NAME
from mock_server.faults.registry import KINDS
from mock_server.mcp.session import InWorld, Limit, MockSession, Offset
from mock_server.mcp.toolbox import FROM_JSON, Line, Result, Text, tool

Operation = Literal["listRuns", "getRun", "cancelRun", "streamRunEvents", "retryRun", "getRunSteps"]
FaultText = Annotated[str, Field(min_length=1, max_length=1_200)]


class SetFaults(InWorld):
    """The arguments of ``set_faults``."""

    clear: bool = Field(False, description="Remove the rules in force first.")
    preset: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,63}$")] | None = Field(
        None, description="Apply a preset, such as flaky or slow, see look_up."
    )
    add: Annotated[list[FaultText], FROM_JSON] = Field(
        [],
        max_length=20,
        description="Faults of one new rule, such as ['latency.takes=2s'], ['status.code=503', "
        "'status.retryAfter=5s'] or ['cut.after=3']; all kinds: look_up.",
    )
    operations: Annotated[list[Operation], FROM_JSON] = Field(
        [], max_length=6, description="With add: only for these operations."
    )
    probability: float | None = Field(None, ge=0, le=1, description="With add: how often.")
    count: int | None = Field(None, ge=1, le=2**53 - 1, description="With add: how many times.")
    lasts: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="With add: for how long on the world's clock, such as 5m."
    )
    limit: Limit = 10
    offset: Offset = 0


class Fault(Result):
    """A rule in force."""

    id: int
    rule: dict[str, Any]
    applied: int = Field(description="Number of requests that it applied to.")
    expires_at: str | None


class Faults(Result):
    """The rules in force, oldest first."""

    items: list[Fault]
    total: int


async def set_faults(given: SetFaults, mock: MockSession) -> Faults:
    """Let requests of the client under test fail: late, with an error status, broken bodies, cut
    streams. Returns the rules in force; without arguments it only shows them. Rules of one call
    apply together; clear removes all rules."""
    conditions = given.model_dump(
        include={"operations", "probability", "count", "lasts"}, exclude_none=True
    )
    conditions = {name: value for name, value in conditions.items() if value != []}
    if conditions and not given.add:
        raise UsageError(f"{', '.join(conditions)}: expected with add only, got no fault to add.")
    rule = _rule(given.add) | conditions
    if given.clear:
        await mock.client.call("DELETE", "/faults", None, {"world": mock.world(given)})
    if given.preset is not None:
        await mock.post(f"/fault-presets/{given.preset}", given)
    if given.add:
        await mock.post("/faults", given, rule)
    found = (await mock.get("/faults", given))["items"]
    page = found[given.offset : given.offset + given.limit]
    return Faults(items=[Fault(**each) for each in page], total=len(found))


def _rule(faults: list[str]) -> dict[str, Any]:
    """Return the faults as a rule. Raise UsageError."""
    try:
        rule = parse(faults)
    except ValueError as error:
        raise UsageError(f"add: {error}") from None
    known = [*KINDS, NAME]
    for kind in rule:
        if kind not in known:
            raise UsageError(f"add: {unknown_name('fault', kind, known)}")
    return rule


class ListRequests(InWorld):
    """The arguments of ``list_requests``."""

    operation: Operation | Literal["none"] | None = Field(
        None, description="Only requests to this operation; none: to no operation."
    )
    status: Annotated[str, Field(pattern="^[1-5](xx|[0-9]{2})$")] | None = Field(
        None, description="Only responses with this status code, such as 404, or 4xx."
    )
    problem: Literal["faults", "flaws"] | None = Field(
        None,
        description="faults: only requests with an injected fault. flaws: only requests that do "
        "not conform to the contract.",
    )
    whose: Literal["world", "none", "all"] = Field(
        "world", description="none: requests without a valid credential; all: of every world."
    )
    since: int | None = Field(None, ge=1, description="Only requests with this number or higher.")
    limit: Limit = 10


class Request(Result):
    """A request of the client, in short."""

    number: int
    method: Line
    path: Line
    status: int | None = Field(description="null: the connection ended before a response.")
    operation: str | None
    flaws: int = Field(description="Number of errors in the request.")
    faults: list[str]


class Requests(Result):
    """The newest requests first."""

    items: list[Request]
    total: int


async def list_requests(given: ListRequests, mock: MockSession) -> Requests:
    """List what the client under test has sent, newest first. Use explain_request for the reason of
    one response."""
    found = await mock.get(
        "/requests",
        given,
        operation=given.operation,
        status=given.status,
        whose=given.whose,
        limit=given.limit,
        **{"with": given.problem, "from": given.since},
    )
    return Requests(items=[_request(each) for each in found["items"]], total=found["total"])


def _request(entry: dict[str, Any]) -> Request:
    query = f"?{entry['query']}" if entry["query"] else ""
    return Request(
        number=entry["number"],
        method=entry["method"],
        path=entry["path"] + query,
        status=entry["status"],
        operation=entry["operation"],
        flaws=len(entry["flaws"]),
        faults=entry["faults"],
    )


class ExplainRequest(InWorld):
    """The arguments of ``explain_request``."""

    number: int = Field(
        ge=1, le=2**53 - 1, description="From list_requests, or the response header X-Mock-Request."
    )


class Explanation(Request):
    """A request and the reasons for its response."""

    at: str | None = Field(description="Time of the world.")
    world: str | None = Field(description="World of its credential; null if it has none.")
    reason: Text | None = Field(description="Reason of an error response.")
    errors: list[Text] = Field(description="What does not conform to the contract.")
    ignored: list[Line] = Field(description="Parts without effect, such as misspelt parameters.")
    contract: Line = Field(
        description="Where openapi.yaml declares the response, or why it does not."
    )
    question: Text | None = Field(
        description="Open question of the contract that decided, with the active answer."
    )
    near_misses: list[Line] = Field(description="Operations similar to what was requested.")
    body: Text | None = Field(description="Body of the request, secrets redacted.")
    duration_ms: float | None


async def explain_request(given: ExplainRequest, mock: MockSession) -> Explanation:
    """Explain why a request of the client got its response: errors of the request, faults, the open
    question and the place in the contract that decided."""
    entry = await mock.client.call("GET", f"/requests/{given.number}")
    question, contract = entry["question"], entry["contract"]
    misses = entry["nearMisses"][:5]
    return Explanation(
        **_request(entry).model_dump(),
        at=entry["at"],
        world=entry["tenant"],
        reason=entry["reason"],
        errors=[f"{'.'.join(flaw['loc'])}: {flaw['msg']}" for flaw in entry["flaws"][:10]],
        ignored=[".".join(each) for each in entry["ignored"][:10]],
        contract=contract["location"] or contract["because"],
        question=None if question is None else _QUESTION.format_map(question),
        near_misses=[f"{each['method']} {each['path']}: {each['reason']}" for each in misses],
        body=entry["body"],
        duration_ms=entry["durationMs"],
    )


_QUESTION = "{number} {question} {answer}: {meaning}"


class ShowCoverage(InWorld):
    """The arguments of ``show_coverage``."""

    clear: bool = Field(False, description="Count from zero again.")
    limit: Limit = 10
    offset: Offset = 0


class Part(Result):
    """A part of the contract that the client has not met completely."""

    part: str
    met: int
    missing: list[str]
    undeclared: list[str] = Field(description="Statuses that the contract does not declare.")


class Coverage(Result):
    """How much of the contract the client has met."""

    met: int
    of: int
    items: list[Part] = Field(description="The parts with something missing.")
    total: int


async def show_coverage(given: ShowCoverage, mock: MockSession) -> Coverage:
    """Show which parts of the contract the client under test has not met yet: status codes and
    parameters of operations, enum values, events, credentials."""
    if given.clear:
        await mock.client.call("DELETE", "/coverage", None, {"world": mock.world(given)})
    found = await mock.get("/coverage", given)
    parts = [part for part in _parts(found) if part.missing or part.undeclared]
    page = parts[given.offset : given.offset + given.limit]
    return Coverage(met=found["seen"], of=found["of"], items=page, total=len(parts))


def _parts(report: dict[str, Any]) -> list[Part]:
    named: list[tuple[str, dict[str, Any]]] = []
    for each in report["operations"]:
        named += [(f"{each['operation']} {key}", each[key]) for key in ("statuses", "parameters")]
    named += [(f"sent {each['name']}", each) for each in report["sent"]]
    named += [(f"received {each['name']}", each) for each in report["received"]]
    named += [("events", report["events"]), ("credentials", report["credentials"])]
    return [
        Part(
            part=name,
            met=len(part["seen"]),
            missing=part["missing"],
            undeclared=part.get("undeclared", []),
        )
        for name, part in named
    ]


TOOLS = (
    tool(set_faults, replaces=True),
    tool(list_requests, reads=True),
    tool(explain_request, reads=True),
    tool(show_coverage),
)
