"""One fault is one finding, of the requirement that is about it."""

from __future__ import annotations

import pytest
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving
from support import Judge

from conformance.vocabulary import Verdict


@pytest.mark.parametrize("other", ["token", "both"])
def test_a_bearer_that_is_rejected_is_one_finding(other: str, mock: str, judge: Judge) -> None:
    """Where the same secret is accepted as API key all other checks use that, for both tenants."""

    async def no_bearer(request: Request, forward: Forward, memory: Json) -> Response:
        if "authorization" in request.headers:
            return Response(401, {"www-authenticate": "Bearer"}).put({"detail": "No"})
        return await forward(request)

    tenant, another = f"test-bearer-{other}", f"test-bearer-other-{other}"
    given = {"token": tenant, "api_key": tenant, "other_token": another}
    given |= {"other_api_key": another} if other == "both" else {"other_token": ""}
    with serving(Proxy(mock, [Mutant("no-bearer", (), no_bearer)])) as address:
        report = judge(
            f"{address}/no-bearer", "AUTH-0[2359]", "GET-01", "LIST-01", "CANCEL-01", **given
        )
    failed = {e.requirement.id for e in report.entries if e.verdict is not Verdict.PASS}
    assert failed == {"AUTH-02"}


def test_an_unknown_status_is_one_finding(mock: str, judge: Judge) -> None:
    """Of GET-01, wherever it is met."""

    async def misspelt(request: Request, forward: Forward, memory: Json) -> Response:
        reply = await forward(request)
        if request.operation in ("list", "get", "cancel"):
            reply.body = reply.body.replace(b'"cancelled"', b'"canceled"')
        return reply

    with serving(Proxy(mock, [Mutant("misspelt", (), misspelt)])) as address:
        names = ("GET-01", "LIST-12", "CANCEL-02")
        report = judge(f"{address}/misspelt", *names, token="test-misspelt")
    failed = [e for e in report.entries if e.verdict in (Verdict.VIOLATION, Verdict.DEVIATION)]
    assert {e.requirement.id for e in failed} >= {"GET-01", "LIST-12"}
    assert [e.requirement.id for e in failed if not e.caused_by] == ["GET-01"]
