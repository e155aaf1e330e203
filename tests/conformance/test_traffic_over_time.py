"""What only several exchanges show: of a client that does not wait or resume, of a run that changes
as it must not; and what overlapping requests and other clients explain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from conformance.catalogue.requirements import load
from conformance.traffic.exchange import ObservedExchange, ObservedRequest, ObservedResponse
from conformance.traffic.judge import Judge
from conformance.traffic.reports import client_catalogue
from conformance.vocabulary import ROOT, Verdict

Json = dict[str, Any]
RUN = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
EVENTS = f"{ROOT}/{RUN}/events"
HEADERS = (("authorization", "Bearer a-credential"),)
STREAM = {"content-type": "text/event-stream", "cache-control": "no-store"}


def judge(*, sole: bool = False) -> Judge:
    """Return a judge of both sides."""
    return Judge(load(), client_catalogue(), base_url="http://h", sole=sole)


def failed(of: Judge) -> set[str]:
    """Return the requirements that were not met."""
    results = [*of.server.results(), *of.client.results()]
    return {r.requirement for r in results if r.verdict in (Verdict.VIOLATION, Verdict.DEVIATION)}


def exchange(
    target: str,
    at: float,
    status: int,
    body: object = None,
    *,
    method: str = "GET",
    sent: Mapping[str, str] | None = None,
    received: Mapping[str, str] | None = None,
    took: float = 0.1,
) -> ObservedExchange:
    """An exchange of JSON, or of a stream if the body is bytes."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} | dict(received or {})
    request = (*HEADERS, *(sent or {}).items())
    return ObservedExchange(
        ObservedRequest(method, target, request, b"", at, "connection 1"),
        ObservedResponse(status, tuple(headers.items()), raw, at + took, at + took),
    )


def run(status: str, updated: int, **changed: object) -> Json:
    """A run in a status, with its times in seconds of one minute."""
    at = "2026-03-02T08:15:{:02}Z".format
    done = status in ("completed", "failed", "cancelled")
    return {
        **dict.fromkeys(("concurrencyKey", "externalJobId", "triggerSourceId"), None),
        "automationId": "a",
        "automationVersionId": "v",
        "completedAt": at(9) if done else None,
        "createdAt": at(1),
        "durationSeconds": 7 if done else None,
        "error": {"code": "x"} if status == "failed" else None,
        "id": RUN,
        "orchestratorType": "dag",
        "startedAt": None if status == "pending" else at(2),
        "status": status,
        "tenantId": "t",
        "triggerSourceType": "user",
        "triggerType": "manual",
        "updatedAt": at(updated),
        "versionNumber": 1,
        **changed,
    }


@pytest.mark.parametrize(("again", "expected"), [(3.0, {"CLIENT-12"}), (11.0, set())])
def test_a_client_waits_as_long_as_it_is_asked_to(again: float, expected: set[str]) -> None:
    """After a 429 with Retry-After."""
    of = judge()
    limit, reason = {"retry-after": "10"}, {"detail": "too many"}
    of.exchange(exchange(ROOT, 0, 429, reason, received=limit))
    of.exchange(exchange(ROOT, again, 200, {"items": [], "total": 0}))
    assert failed(of) == expected


@pytest.mark.parametrize(
    ("at", "last_id", "expected"), [(2, "7", {"CLIENT-13"}), (90, "7", set()), (2, "8", set())]
)
def test_a_client_stops_at_a_204(at: float, last_id: str, expected: set[str]) -> None:
    """Soon after it and with the same id it is a reconnection."""
    of = judge()
    of.exchange(exchange(EVENTS, 0, 204, sent={"last-event-id": "7"}))
    of.exchange(exchange(EVENTS, at, 204, sent={"last-event-id": last_id}))
    assert failed(of) == expected


@pytest.mark.parametrize(
    ("sent", "expected"), [({}, {"CLIENT-14"}), ({"last-event-id": "1"}, set())]
)
def test_a_client_resumes_a_stream_that_was_cut(sent: dict[str, str], expected: set[str]) -> None:
    """Which the server ended before the run."""
    of = judge()
    data = json.dumps({"event": "run.created", "data": {"run": run("pending", 1)}}).encode()
    first = b"id: 1\nevent: run.created\ndata: " + data + b"\n\n"
    of.exchange(exchange(EVENTS, 0, 200, first, received=STREAM))
    body = b": nothing new\n\n" if sent else first
    of.exchange(exchange(EVENTS, 1, 200, body, sent=sent, received=STREAM))
    assert failed(of) == expected


def read(at: float, body: Json, took: float = 0.1) -> ObservedExchange:
    """The run, read."""
    return exchange(f"{ROOT}/{RUN}", at, 200, body, took=took)


@pytest.mark.parametrize(
    ("before", "after", "sole", "expected"),
    [
        (run("completed", 9), run("completed", 9, versionNumber=2), False, {"GET-04", "GET-12"}),
        (run("running", 3), run("failed", 9), False, set()),
        (run("running", 9), run("failed", 9), False, {"GET-11"}),
        (run("completed", 9), run("pending", 20), False, set()),
        (run("completed", 9), run("pending", 20), True, {"GET-04", "LIFE-01"}),
        (run("completed", 9), run("pending", 9), False, {"GET-11", "LIFE-01"}),
        (run("running", 5), run("running", 4), False, {"GET-11"}),
    ],
)
def test_a_run_changes_as_it_may(before: Json, after: Json, sole: bool, expected: set[str]) -> None:
    """Another client may have retried it, unless there is none."""
    of = judge(sole=sole)
    of.exchange(read(0, before))
    of.exchange(read(1, after))
    assert failed(of) - {"LIFE-04"} == expected
    assert ("LIFE-04" in failed(of)) == ("GET-04" in expected)


def test_overlapping_reads_are_not_compared() -> None:
    """Which of them was first is not known."""
    of = judge(sole=True)
    of.exchange(read(0, run("completed", 9), took=2))
    of.exchange(read(1, run("running", 3), took=0.5))
    assert failed(of) == set()


def test_a_retry_that_is_under_way_explains_a_change() -> None:
    """A read may show it before the response to the retry is there."""
    of = judge(sole=True)
    retry = exchange(f"{ROOT}/{RUN}/retry", 1, 200, run("pending", 20), method="POST", took=5)
    of.exchange(read(0, run("failed", 9)))
    of.sent(retry.request)
    of.exchange(read(2, run("failed", 9)))
    of.exchange(read(3, run("pending", 20)))
    of.exchange(retry)
    assert failed(of) == set()
    of.exchange(read(7, run("failed", 30, completedAt="2026-03-02T08:15:30Z", durationSeconds=28)))
    of.exchange(read(8, run("running", 31)))
    assert failed(of) >= {"LIFE-01"}
