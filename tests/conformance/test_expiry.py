"""A credential that expires during a run leaves no verdict, and no violation."""

from __future__ import annotations

import pytest
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving
from support import Judge

from conformance.vocabulary import ExitCode, Untested, Verdict

_ACCEPTED = 8


async def expire(request: Request, forward: Forward, memory: Json) -> Response:
    """Accept the credential for a number of requests."""
    memory["count"] = memory.get("count", 0) + 1
    if memory["count"] > _ACCEPTED:
        return Response(401, {"content-type": "application/json"}, b'{"detail": "expired"}')
    return await forward(request)


async def refuse_steps(request: Request, forward: Forward, memory: Json) -> Response:
    """Reject the credential for one operation only, which is a fault of the service."""
    if request.operation == "steps":
        return Response(401, {"content-type": "application/json"}, b'{"detail": "no"}')
    return await forward(request)


@pytest.mark.parametrize(
    ("change", "code", "verdict"),
    [
        (expire, ExitCode.NO_VERDICT, Verdict.INCONCLUSIVE),
        (refuse_steps, ExitCode.NOT_CONFORMANT, Verdict.VIOLATION),
    ],
)
def test_an_expired_credential(
    change: object, code: ExitCode, verdict: Verdict, mock: str, judge: Judge
) -> None:
    """What the list returns distinguishes it from a service that rejects one operation."""
    mutant = Mutant("expiry", (), change)  # type: ignore[arg-type]
    with serving(Proxy(mock, [mutant])) as address:
        report = judge(
            f"{address}/expiry", "GET-01", "STEPS-01", token="test-expiry", provision="discover"
        )
    found = {entry.requirement.id: entry for entry in report.entries}
    assert report.exit_code is code
    assert found["STEPS-01"].verdict is verdict
    if change is expire:
        assert report.counts[Verdict.VIOLATION] == 0
        assert report.untested[Untested.EXPIRED]
        assert "the credential expired" in found["STEPS-01"].worst.message
