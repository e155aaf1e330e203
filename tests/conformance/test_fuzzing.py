"""What Schemathesis is let do: the same each time, to no run but the kit's, at random for as long
as wanted, and again from a seed."""

from __future__ import annotations

import re
from collections import Counter

import httpx2
import pytest
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving
from support import Judge

from conformance.client.recorder import Exchange
from conformance.fuzz.messages import describe_failure
from conformance.vocabulary import Verdict

RUN = re.compile(r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def asked(mock: str, world: str) -> Counter[str]:
    """How often each request to the contract was made in this world, one run as good as another."""
    response = httpx2.get(
        f"{mock}/_mock/requests",
        params={"world": world, "limit": 1000},
        headers={"X-API-Key": world},
        timeout=30,
    )
    entries = response.raise_for_status().json()["items"]
    return Counter(
        f"{entry['method']} {RUN.sub('/RUN', entry['path'])}?{entry['query']}"
        for entry in entries
        if entry["operation"] and "python-httpx" not in entry["headers"].get("user-agent", "")
    )


@pytest.mark.extended
def test_no_run_but_the_kits_is_touched(mock: str, judge: Judge) -> None:
    """Runs that others wait for still wait, though every answer of the list names them."""
    world = "test-of-others"
    with httpx2.Client(base_url=mock, headers={"X-API-Key": world}, timeout=30) as client:
        theirs = [
            client.post("/_mock/runs", json={"scenario": "long-queue"}).json()["id"]
            for _ in range(20)
        ]
        # With one seed in twenty, so few sequences do not reach every operation.
        chosen = {"fuzz": "15", "fuzz_seed": "1", "patience": "120s"}
        report = judge(mock, "FUZZ-STATEFUL-*", "FUZZ-FUZZING-CANCEL", token=world, **chosen)
        assert {entry.verdict for entry in report.entries} == {Verdict.PASS}
        seen = [client.get(f"/api/v1/automation-runs/{run_id}").json() for run_id in theirs]
    assert {run["updatedAt"] == run["createdAt"] for run in seen} == {True}


@pytest.mark.extended
def test_a_seed_repeats_the_requests(mock: str, judge: Judge) -> None:
    """And another makes others; each run reports the one it had."""
    reported = []
    for world, seed in (("test-seed-1", "7"), ("test-seed-2", "7"), ("test-seed-3", "8")):
        chosen = {"fuzz": "10", "fuzz_seed": seed}
        report = judge(mock, "FUZZ-FUZZING-LIST", "FUZZ-FUZZING-RETRY", token=world, **chosen)
        assert report.to_json()["fuzz"] == {"cases": 10, "seed": int(seed)}
        reported.append(asked(mock, world))
    assert reported[0] == reported[1]
    assert reported[0] != reported[2]


@pytest.mark.extended
def test_a_failure_at_random_says_how_to_repeat_it(proxy: str, judge: Judge) -> None:
    """With options that do."""
    mutant = f"{proxy}/bad-input-breaks-steps"
    (found,) = judge(mutant, "FUZZ-FUZZING-STEPS", token="test-random", fuzz="30").entries
    said = re.search(r"repeat with --fuzz (\d+) --fuzz-seed (\d+)", found.worst.message)
    assert said is not None, found.worst.message
    chosen = {"fuzz": said[1], "fuzz_seed": said[2]}
    (again,) = judge(mutant, "FUZZ-FUZZING-STEPS", token="test-again", **chosen).entries
    assert (again.verdict, again.worst.message) == (Verdict.VIOLATION, found.worst.message)


@pytest.mark.extended
def test_time_that_is_up_is_not_a_pass(mock: str, judge: Judge) -> None:
    """What was found until then counts, and what was not tested is inconclusive."""
    report = judge(mock, "FUZZ-FUZZING-GET", token="test-late", fuzz="100000", budget="8s")
    assert {entry.verdict for entry in report.entries} == {Verdict.INCONCLUSIVE}
    assert "there was time for" in report.entries[0].worst.message


async def null_is_not_a_body(request: Request, forward: Forward, memory: Json) -> Response:
    """No mutant: as frameworks take it where a body may be left out."""
    if request.operation == "retry" and request.body == b"null":
        request.body = b"{}"
    return await forward(request)


@pytest.mark.extended
def test_null_for_no_body_is_not_a_fault(mock: str, judge: Judge) -> None:
    """The reference does not call the body required (Q17); a server may reject null as well, as the
    mock does."""
    with serving(Proxy(mock, [Mutant("lenient", (), null_is_not_a_body)])) as address:
        asked = "FUZZ-COVERAGE-RETRY", "FUZZ-FUZZING-RETRY", "RETRY-10", "RETRY-17"
        report = judge(f"{address}/lenient", *asked, token="test-lenient")
    assert {entry.verdict for entry in report.entries} == {Verdict.PASS}, report.entries


SCHEMA = """Response violates schema: "x" is not of type "integer"

Validated against the response schema for status code 200.

Schema at /properties/items/items/properties/versionNumber:

    {"anyOf": [{"type": "integer", "description": "As people count."}, {"type": "null"}]}

Value:

    "x"
"""


@pytest.mark.parametrize(
    ("check", "said", "words"),
    [
        (
            "negative_data_rejection",
            "Schema-violating request accepted\nExpected: 400\nInvalid component: in body - odd",
            "The contract forbids this request (in body - odd). Allowed: a client error, "
            "normally 422.",
        ),
        (
            "status_code_conformance",
            "Undocumented status code: Received: 206\nDocumented: 422, 200, 422",
            "Allowed: 200, 422.",
        ),
        (
            "content_type_conformance",
            "Undocumented Content-Type: Received: text/html\nDocumented: application/json",
            "Its Content-Type is text/html. Allowed: application/json.",
        ),
        (
            "response_schema_conformance",
            SCHEMA,
            'Its body has "x" as items.versionNumber where the contract allows integer or null.',
        ),
        (
            "not_a_server_error",
            "Server error",
            "Allowed: any other status class; no request may cause a server error.",
        ),
        ("of_another_release", "Something else", "Something else"),
    ],
)
def test_a_failure_is_reported_in_plain_words(check: str, said: str, words: str) -> None:
    """What was sent, what came, what is allowed."""
    url = "http://x/api/v1/automation-runs/497f6eca-6276-4993-bfeb-53cbbbba6f08/retry"
    exchange = Exchange(0, "POST", url, {}, "[]", 200, {"content-type": "text/html"})
    sent = "POST /api/v1/automation-runs/{run_id}/retry with the body [] returned 200."
    assert describe_failure(check, said, exchange) == f"{sent} {words}"
