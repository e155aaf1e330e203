"""Requests are spent where they prove something: no run that has ended is cancelled at the end."""

from __future__ import annotations

import json

from conformance.client.response import Response
from conformance.harness.runs import RetriedRuns

URL = "http://x/api/v1/automation-runs"
ENDED, RUNNING, NEW = "run-ended", "run-running", "run-new"


def response(method: str, path: str, run_id: str, status: str, code: int = 200) -> Response:
    """A response that shows a run."""
    body = json.dumps({"id": run_id, "status": status}).encode()
    headers = {"content-type": "application/json"}
    return Response(method, f"{URL}/{path}", code, headers, body, 0.0, 1)


def test_what_has_ended_is_known_from_the_last_response() -> None:
    runs = RetriedRuns()
    runs.observe(response("GET", ENDED, ENDED, "completed"))
    runs.observe(response("POST", f"{RUNNING}/cancel", RUNNING, "running"))
    runs.observe(response("GET", "other", NEW, "failed"))
    assert runs.ended == {ENDED}
    runs.observe(response("GET", ENDED, ENDED, "running"))
    assert runs.ended == set()
    runs.observe(response("POST", f"{ENDED}/cancel", ENDED, "cancelled"))
    assert runs.ended == {ENDED}


def test_a_retried_run_may_run_again_whatever_the_response_says() -> None:
    runs = RetriedRuns()
    for code in (200, 409, 500):
        runs.observe(response("GET", ENDED, ENDED, "failed"))
        assert runs.ended == {ENDED}
        runs.observe(response("POST", f"{ENDED}/retry", ENDED, "failed", code))
        assert runs.ended == set()
    runs.observe(response("POST", f"{ENDED}/retry", NEW, "completed"))
    assert runs.ids == [NEW]
    assert runs.ended == set()
