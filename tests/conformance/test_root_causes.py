"""One broken thing is one fault: what only follows from it is shown under it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from support import Judge

from conformance.client.recorder import Exchange
from conformance.results.result import Result
from conformance.results.root_causes import causes
from conformance.vocabulary import Verdict

VIOLATION, INCONCLUSIVE, PASS = Verdict.VIOLATION, Verdict.INCONCLUSIVE, Verdict.PASS


def found(verdict: Verdict, **more: Any) -> tuple[Verdict, dict[str, Any]]:
    """A verdict with what else is known of it."""
    return verdict, more


def failing(
    status: int | None, body: str, *, other: bool = False, suffix: str = ""
) -> tuple[Verdict, dict[str, Any]]:
    """A violation that one request shows, of this run or another."""
    run_id = str(uuid.UUID(int=other))
    exchange = Exchange(
        number=7 + other,
        method="GET",
        url=f"http://x/api/v1/automation-runs/{run_id}{suffix}",
        request_headers={},
        request_body=None,
        status=status,
        response_body=body,
        note="" if status else "nothing came",
    )
    return found(VIOLATION, exchanges=(exchange,), failing_exchange=exchange.number)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([found(VIOLATION), found(INCONCLUSIVE, caused_by="X-01")], {"X-02": "X-01"}),
        ([found(PASS), found(INCONCLUSIVE, caused_by="X-01")], {}),
        ([found(PASS), found(INCONCLUSIVE, caused_by="Y-01")], {}),
        (
            [
                found(VIOLATION),
                found(VIOLATION, caused_by="X-01"),
                found(INCONCLUSIVE, caused_by="X-02"),
            ],
            {"X-02": "X-01", "X-03": "X-01"},
        ),
        (
            [found(INCONCLUSIVE, caused_by="X-02"), found(INCONCLUSIVE, caused_by="X-01")],
            {"X-02": "X-01"},
        ),
        (
            [found(VIOLATION, contract_location="/a"), found(VIOLATION, contract_location="/a")],
            {"X-02": "X-01"},
        ),
        ([found(VIOLATION, contract_location="/a"), found(VIOLATION, contract_location="/b")], {}),
        ([found(VIOLATION, contract_location=""), found(VIOLATION, contract_location="")], {}),
        (
            [
                found(VIOLATION, failing_exchange=3, message="m"),
                found(VIOLATION, failing_exchange=3, message="m"),
            ],
            {"X-02": "X-01"},
        ),
        (
            [
                found(VIOLATION, failing_exchange=3, message="m"),
                found(VIOLATION, failing_exchange=4, message="m"),
            ],
            {},
        ),
        ([found(VIOLATION, message="m"), found(VIOLATION, message="m")], {}),
        ([failing(500, "oops"), failing(500, "oops", other=True)], {"X-02": "X-01"}),
        ([failing(500, "oops"), failing(500, "else", other=True)], {}),
        ([failing(500, "oops"), failing(500, "oops", other=True, suffix="/steps")], {}),
        ([failing(404, "oops"), failing(404, "oops", other=True)], {}),
        ([failing(None, ""), failing(None, "", other=True)], {"X-02": "X-01"}),
    ],
)
def test_what_follows_from_what(
    given: list[tuple[Verdict, dict[str, Any]]], expected: dict[str, str]
) -> None:
    """Only what names a requirement that failed itself, or is the same fault."""
    worst = {
        f"X-{n:02}": Result(f"X-{n:02}", "check", verdict, **more)
        for n, (verdict, more) in enumerate(given, 1)
    }
    assert causes(worst) == expected


def test_a_list_without_a_list(proxy: str, judge: Judge) -> None:
    """What needs a page is reported under the requirement that there is one."""
    mutant = f"{proxy}/total-is-text"
    report = judge(mutant, "LIST-*", token="test-causes")
    verdicts = {entry.requirement.id: entry for entry in report.entries}
    assert verdicts["LIST-01"].verdict is Verdict.VIOLATION
    followers = {entry.requirement.id for entry in report.consequences(verdicts["LIST-01"])}
    assert {"LIST-03", "LIST-09", "LIST-10", "LIST-11", "LIST-12"} <= followers
    reported = {e["id"]: e["causedBy"] for e in report.to_json()["requirements"]}
    assert (reported["LIST-10"], reported["LIST-01"], reported["LIST-05"]) == (
        "LIST-01",
        None,
        None,
    )


def test_one_field_of_a_run(proxy: str, judge: Judge) -> None:
    """A fault of the same keyword of the contract is one fault, wherever a run is shown."""
    report = judge(f"{proxy}/version-is-text", "GET-0[12]", "LIST-02", token="test-causes")
    reported = {entry.requirement.id: (entry.verdict, entry.caused_by) for entry in report.entries}
    assert reported == {
        "LIST-02": (Verdict.VIOLATION, ""),
        "GET-01": (Verdict.VIOLATION, "LIST-02"),
        "GET-02": (Verdict.PASS, ""),
    }
    contract_location = "/components/schemas/Run/properties/versionNumber/type"
    assert {entry.worst.contract_location for entry in report.entries} == {contract_location, ""}
