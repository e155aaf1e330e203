"""Set-ups that the kit once judged wrongly: a cache that ignores the query, a rate limit in the
middle of a group, a run in the middle of a long list."""

from __future__ import annotations

from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving
from support import Judge

from conformance.vocabulary import ExitCode, Untested, Verdict

FAILED = (Verdict.VIOLATION, Verdict.DEVIATION)


async def ignores_the_query(request: Request, forward: Forward, memory: Json) -> Response:
    """The list comes from a cache, whose key is the path alone."""
    if request.operation != "list":
        return await forward(request)
    if "page" not in memory:
        reply = await forward(request.to("list"))
        if reply.status != 200:
            return reply
        memory["page"] = reply.json()
    return Response(200, {}).put(memory["page"])


def test_a_cache_that_ignores_the_query_is_a_finding(mock: str, judge: Judge) -> None:
    """Not only a list of requirements that could not be tested."""
    with serving(Proxy(mock, [Mutant("cache", (), ignores_the_query)])) as address:
        report = judge(f"{address}/cache", "LIST-*", token="test-cache")
    failed = {e.requirement.id for e in report.entries if e.verdict in FAILED}
    assert failed & {"LIST-03", "LIST-04", "LIST-09", "LIST-12"}
    assert report.exit_code is ExitCode.NOT_CONFORMANT


async def limited_later(request: Request, forward: Forward, memory: Json) -> Response:
    """The limit of an hour is spent in the middle of the run."""
    memory["count"] = memory.get("count", 0) + 1
    if memory["count"] > 25:
        return Response(429, {"retry-after": "3600"}).put({"detail": "Too many requests"})
    return await forward(request)


def test_a_limit_in_the_middle_of_a_group_accuses_no_requirement(mock: str, judge: Judge) -> None:
    """What the limit keeps from being tested is named with that reason."""
    with serving(Proxy(mock, [Mutant("later", (), limited_later)])) as address:
        report = judge(
            f"{address}/later", "HTTP-0[1-6]", "HTTP-12", token="test-later", provision="mock"
        )
    assert [e.requirement.id for e in report.entries if e.verdict in FAILED] == []
    assert "HTTP-12" in report.untested[Untested.RATE_LIMIT]


async def in_the_middle(request: Request, forward: Forward, memory: Json) -> Response:
    """The tenant's other runs, five thousand of them, stand on both sides of the kit's."""
    reply = await forward(request)
    if request.operation != "list" or reply.status != 200:
        return reply
    whole = request.to("list")
    whole.query = [("limit", "1000")]
    own = (await forward(whole)).json()["items"]
    if not own or request.parameter("status"):
        return reply
    others = [own[-1] | {"id": f"00000000-0000-4000-8000-{n:012x}"} for n in range(5000)]
    runs = [*others[:2500], *own, *others[2500:]]
    limit, offset = (int(request.parameter(n) or d) for n, d in (("limit", 100), ("offset", 0)))
    return reply.put({"items": runs[offset : offset + limit], "total": len(runs)})


def test_a_run_in_the_middle_of_a_long_list_is_found(mock: str, judge: Judge) -> None:
    with serving(Proxy(mock, [Mutant("middle", (), in_the_middle)])) as address:
        (entry,) = judge(f"{address}/middle", "RETRY-15", token="test-middle").entries
    assert entry.verdict is Verdict.PASS, entry.worst.message
