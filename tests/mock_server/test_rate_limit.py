"""Rate limits, by the platform's headers and the world's clock."""

from typing import Any

import httpx2
import pytest

from mock_server.engine.clock import from_text
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
UNKNOWN = f"{RUNS}/497f6eca-6276-4993-bfeb-53cbbbba6f08"
HEADERS = ("limit", "remaining", "reset")


def limit(world: MockWorld, number: int, window: str = "1m", **rule: Any) -> int:
    body = {"rateLimit": {"limit": number, "window": window}, **rule}
    reply = world.client.post("/_mock/faults", json=body)
    assert reply.status_code == 201, reply.text
    rule_id: int = reply.json()["id"]
    return rule_id


def limit_headers(reply: httpx2.Response) -> tuple[int, ...]:
    """Limit, remaining and reset, as in the headers; none of them without a limit."""
    names = [f"x-ratelimit-{name}" for name in HEADERS]
    return tuple(int(reply.headers[name]) for name in names if name in reply.headers)


def now(world: MockWorld) -> float:
    return from_text(world.client.get("/_mock/clock").json()["now"]) / 1_000


@pytest.fixture(autouse=True)
def begin(mock_world: MockWorld) -> None:
    start = {"now": "2026-03-02T08:15:00Z", "runs": 0, "live": 0, "scale": 0}
    assert mock_world.client.post("/_mock/reset", json=start).is_success


def test_requests_beyond_the_limit_are_refused_until_the_window_ends(
    mock_world: MockWorld,
) -> None:
    """With the time to retry; then there is a fresh window."""
    limit(mock_world, 3)
    ends = now(mock_world) + 60
    for left in (2, 1, 0):
        reply = mock_world.client.get(RUNS)
        assert (reply.status_code, limit_headers(reply)) == (200, (3, left, ends))
    for wait, passes in ((60, 59), (1, 0.999)):
        reply = mock_world.client.get(RUNS)
        assert (reply.status_code, limit_headers(reply)) == (429, (3, 0, ends))
        assert reply.headers["retry-after"] == str(wait)
        assert reply.json() == {"detail": "Rate limit exceeded"}
        mock_world.advance(passes)
    assert mock_world.client.get(RUNS).status_code == 429
    mock_world.advance(0.001)
    reply = mock_world.client.get(RUNS)
    assert (reply.status_code, limit_headers(reply)) == (200, (3, 2, ends + 60))


def test_a_window_begins_with_its_first_request(mock_world: MockWorld) -> None:
    """Time without requests belongs to none."""
    limit(mock_world, 1, "10s")
    mock_world.advance(7)
    first = mock_world.client.get(RUNS)
    assert limit_headers(first) == (1, 0, now(mock_world) + 10)
    mock_world.advance(9)
    assert mock_world.client.get(RUNS).status_code == 429


def test_every_answer_reports_the_limit(mock_world: MockWorld) -> None:
    """Error responses, bad input and streams too; it is all of them that count."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    limit(mock_world, 10)
    lefts = []
    for path in (UNKNOWN, f"{RUNS}/x", f"{RUNS}?limit=x", f"{RUNS}/{run_id}/events"):
        reply = mock_world.client.get(path)
        lefts.append(limit_headers(reply)[1])
    assert lefts == [9, 8, 7, 6]
    reply = mock_world.client.post(f"{RUNS}/{run_id}/cancel")
    assert (reply.status_code, limit_headers(reply)[1]) == (409, 5)


def test_who_is_not_known_is_not_counted(mock_world: MockWorld, anonymous: httpx2.Client) -> None:
    """Nor is the control API."""
    limit(mock_world, 1)
    assert limit_headers(anonymous.get(RUNS)) == ()
    assert limit_headers(mock_world.client.get("/_mock/clock")) == ()
    assert mock_world.client.get(RUNS).status_code == 200


def test_a_limit_can_be_for_some_operations(mock_world: MockWorld) -> None:
    """The others do not have its headers."""
    limit(mock_world, 1, operations=["listRuns"])
    assert limit_headers(mock_world.client.get(UNKNOWN)) == ()
    assert [mock_world.client.get(RUNS).status_code for _ in range(2)] == [200, 429]
    assert mock_world.client.get(UNKNOWN).status_code == 404


def test_of_several_limits_the_tightest_is_reported(mock_world: MockWorld) -> None:
    """And each of them holds."""
    limit(mock_world, 2, "1s")
    limit(mock_world, 3, "1m")
    assert [limit_headers(mock_world.client.get(RUNS))[:2] for _ in range(2)] == [(2, 1), (2, 0)]
    mock_world.advance(1)
    assert limit_headers(mock_world.client.get(RUNS))[:2] == (3, 0)
    assert mock_world.client.get(RUNS).status_code == 429


def test_a_limit_ends_with_its_rule(mock_world: MockWorld) -> None:
    """Removed, or when its time is over."""
    number = limit(mock_world, 0)
    assert mock_world.client.get(RUNS).status_code == 429
    mock_world.client.delete(f"/_mock/faults/{number}")
    reply = mock_world.client.get(RUNS)
    assert (reply.status_code, limit_headers(reply)) == (200, ())
    limit(mock_world, 0, lasts="5s")
    assert mock_world.client.get(RUNS).status_code == 429
    mock_world.advance(5)
    reply = mock_world.client.get(RUNS)
    assert (reply.status_code, limit_headers(reply)) == (200, ())


def test_faults_come_to_those_that_are_let_in(mock_world: MockWorld) -> None:
    """And their responses carry the limit."""
    limit(mock_world, 2)
    mock_world.client.post("/_mock/faults", json={"status": {"code": 500}})
    replies = [mock_world.client.get(RUNS) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [500, 500, 429]
    assert [limit_headers(reply)[1] for reply in replies] == [1, 0, 0]
