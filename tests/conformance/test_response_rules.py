"""The rules for every answer: what they hold against an answer, and what they must let pass."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.assertions.response_rules import RuleMonitor, rules
from conformance.client.response import Response
from conformance.contract import contract
from conformance.contract.schema import Schemas
from conformance.vocabulary import ROOT, Level

RULES = rules(Schemas(contract.load()))
DETAIL = [{"loc": ["query", "limit"], "msg": "too large", "type": "less_than_equal"}]


def response(status: int, body: Any = None, method: str = "GET", **headers: str) -> Response:
    """An answer to the list, in JSON unless its headers say otherwise."""
    reported = {"content-type": "application/json"} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(method, f"http://h{ROOT}", status, reported, raw, 0.0, 7)


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("HTTP-03", response(200, {}, content_type="text/html")),
        ("HTTP-03", response(200, {}, content_type="application/json; charset=latin-1")),
        ("HTTP-03", response(200, b"\xff")),
        ("HTTP-03", response(201, b'{"n": NaN}', method="POST")),
        ("HTTP-03", response(204, b"")),
        ("HTTP-04", response(500, {})),
        ("HTTP-04", response(503, {})),
        ("HTTP-04", response(501, {})),
        ("HTTP-05", response(404, b"<p>", content_type="text/html")),
        ("HTTP-05", response(404, b"")),
        ("HTTP-05", response(404, {})),
        ("HTTP-05", response(404, {"detail": ""})),
        ("HTTP-05", response(404, "not found")),
        ("HTTP-08", response(429, {"detail": "later"})),
        ("HTTP-08", response(429, {"detail": "later"}, retry_after="soon")),
        ("HTTP-08", response(200, {}, x_ratelimit_limit="many")),
        ("HTTP-08", response(200, {}, x_ratelimit_limit="5", x_ratelimit_remaining="6")),
        ("HTTP-08", response(200, {}, x_ratelimit_reset="60")),
        ("HTTP-10", response(500, b"Traceback (most recent call last):")),
        ("HTTP-10", response(400, b'File "/srv/app.py", line 3')),
        ("HTTP-10", response(500, b"java.lang.Oops\n\tat com.acme.Runs.get(Runs.java:31)")),
        ("HTTP-10", response(500, b"Error: x\n    at get (/srv/runs.js:10:3)")),
        ("HTTP-10", response(500, b"goroutine 12 [running]:")),
        ("HTTP-10", response(500, b"app/runs.rb:12:in `get'")),
        ("HTTP-10", response(500, b"SQLSTATE[42601]: syntax error")),
        ("HTTP-11", response(422, {"detail": "no"})),
        ("HTTP-11", response(422, {"errors": []})),
        ("HTTP-11", response(422, {"detail": [{"loc": "query", "msg": "m", "type": "t"}]})),
        ("HTTP-11", response(422, {"detail": DETAIL}, content_type="application/problem+json")),
    ],
)
def test_what_is_held_against_an_answer(rule: str, given: Response) -> None:
    """With the number of the exchange that shows it."""
    finding = RULES[rule](given)
    assert finding is not None
    assert finding.exchange == 7


@pytest.mark.parametrize(
    "given",
    [
        response(200, {"error": {"trace": "Traceback (most recent call last):"}}),
        response(200, {}, content_type="application/json; charset=UTF-8"),
        response(404, {"detail": "There is not a such run."}),
        response(
            404, {"title": "Not Found", "status": 404}, content_type="application/problem+json"
        ),
        response(404, b"", method="HEAD"),
        response(422, {"detail": DETAIL}),
        response(501, {"detail": "BREW is not known"}, method="BREW"),
        response(503, {"detail": "busy"}, retry_after="3"),
        response(429, {"detail": "later"}, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"),
        response(
            200,
            {},
            x_ratelimit_limit="60",
            x_ratelimit_remaining="0",
            x_ratelimit_reset="1772000000",
        ),
    ],
)
def test_what_is_let_pass(given: Response) -> None:
    """By every rule."""
    assert [name for name, rule in RULES.items() if rule(given) is not None] == []


def test_a_missing_field_of_a_validation_error_is_only_inferred() -> None:
    """The sample does not show which fields may be absent."""
    finding = RULES["HTTP-11"](response(422, {"detail": [{"msg": "m"}]}))
    assert finding is not None
    assert finding.level is Level.INFERRED


def test_a_watch_notes_the_first_few() -> None:
    """One for a requirement each time it is asked, of those that are wanted, and not endlessly."""
    watch = RuleMonitor(RULES, {"HTTP-04"})
    taken = []
    for _ in range(9):
        watch.observe(response(500, b"Traceback (most recent call last):"))
        watch.observe(response(502, {}))
        taken.append(watch.take())
    assert [sorted(each) for each in taken] == [["HTTP-04"]] * 3 + [[]] * 6
    assert "returned 500" in str(taken[0]["HTTP-04"])
