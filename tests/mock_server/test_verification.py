"""``POST /_mock/verify``: whether the client has sent the requests that a test expects."""

from typing import Any

import pytest

from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
LIST = {"operation": "listRuns"}


@pytest.fixture
def world(mock_world: MockWorld) -> MockWorld:
    """A world whose client has listed runs twice, retried one and asked for a wrong path."""
    run_id = mock_world.create("flaky")
    mock_world.advance(60)
    client = mock_world.client
    client.get(f"{RUNS}?status=failed&limit=5", headers={"User-Agent": "Mozilla/5.0 (X11)"})
    client.get(f"{RUNS}?status=failed&status=completed")
    client.post(f"{RUNS}/{run_id}/retry", json={"mode": "full", "stepKey": None})
    client.get(f"{RUNS}/{run_id}/step")
    return mock_world


def verify(world: MockWorld, *expectations: dict[str, Any], **options: bool) -> dict[str, Any]:
    return world.control("verify", expectations=list(expectations), **options)


@pytest.mark.parametrize(
    ("expectation", "matched"),
    [
        ({}, 4),
        ({"method": "GET"}, 3),
        (LIST, 2),
        ({"operation": "none"}, 1),
        ({"path": RUNS}, 2),
        ({"path": {"like": f"{RUNS}/*/retry"}}, 1),
        ({"path": {"like": f"{RUNS}/????????-*"}}, 2),
        ({"path": {"contains": "/step"}}, 1),
        ({"status": 404}, 1),
        ({"status": "4xx"}, 2),
        ({"query": {"status": "failed"}}, 2),
        ({"query": {"status": "completed"}}, 1),
        ({"query": {"limit": 5}}, 1),
        ({"query": {"limit": {"absent": True}}}, 3),
        ({"query": {"limit": {"absent": False}}}, 1),
        ({"headers": {"user-agent": {"like": "Mozilla/*"}}}, 1),
        ({"headers": {"User-Agent": {"contains": "(X11)"}}}, 1),
        ({"headers": {"User-Agent": {"like": "Mozilla*[(]*"}}}, 0),
        ({"headers": {"X-API-Key": {"absent": False}}}, 4),
        ({"body": {"mode": "full"}}, 1),
        ({"body": {"mode": "failed"}}, 0),
        ({"body": {}}, 1),
        ({"exactBody": {"stepKey": None, "mode": "full"}}, 1),
        ({"exactBody": {"mode": "full"}}, 0),
        ({"exactBody": None}, 3),
        ({"method": "GET", "status": 200, "query": {"limit": "5"}}, 1),
    ],
)
def test_matchers(world: MockWorld, expectation: dict[str, Any], matched: int) -> None:
    """A request matches if all matchers do."""
    found = verify(world, expectation | {"count": matched})
    assert found["message"] is None
    assert found["verified"] is True
    assert found["expectations"][0]["matched"] == matched


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ({}, None),
        ({"count": 2}, None),
        ({"atLeast": 2, "atMost": 2}, None),
        ({"atMost": 3}, None),
        ({"count": 1}, "expected exactly 1, got 2"),
        ({"count": 3}, "expected exactly 3, got 2"),
        ({"count": 0}, "expected exactly 0, got 2"),
        ({"atLeast": 3}, "expected at least 3, got 2"),
        ({"atMost": 1}, "expected at most 1, got 2"),
        ({"atLeast": 3, "atMost": 5}, "expected 3 to 5, got 2"),
    ],
)
def test_numbers(world: MockWorld, numbers: dict[str, int], problem: str | None) -> None:
    """Exactly, at least, at most; by default at least one."""
    found = verify(world, LIST | numbers)
    assert found["verified"] is (problem is None)
    assert problem is None or problem in found["message"]


def test_the_nearest_request_is_named_with_its_differences(world: MockWorld) -> None:
    """The one with the fewest; several requests are listed, nearest first."""
    found = verify(world, {"operation": "retryRun", "status": 200, "body": {"mode": "failed"}})
    [result] = found["expectations"]
    assert [each["method"] for each in result["nearest"]] == ["POST", "GET", "GET"]
    nearest = result["nearest"][0]
    assert nearest["mismatches"][-1] == (
        'body: expected at least {"mode": "failed"}, got {"mode": "full", "stepKey": null}'
    )
    assert f"nearest: request {nearest['number']}, POST " in found["message"]


def test_too_many_requests_are_listed(world: MockWorld) -> None:
    """By their numbers in the journal."""
    found = verify(world, LIST | {"count": 1})
    first, second = found["expectations"][0]["requests"]
    assert found["message"].endswith(f"requests {first} (GET listRuns), {second} (GET listRuns)")


def test_credentials_are_not_shown(mock_world: MockWorld) -> None:
    """They can be matched, and the nearest request does not repeat them."""
    headers = {"Authorization": "Bearer correct-horse-battery"}
    mock_world.client.get(RUNS, headers=headers)
    given = {"headers": headers, "count": 1}
    assert verify(mock_world, given)["verified"] is True
    wrong = {"headers": {"Authorization": "Bearer wrong"}}
    found = verify(mock_world, wrong)
    assert "correct-horse" not in str(found)
    assert "[redacted]" in found["message"]


def test_order(world: MockWorld) -> None:
    """Others may come between; a number of requests is expected that often."""
    listed, retried = {"operation": "listRuns"}, {"operation": "retryRun"}
    assert verify(world, listed, retried, inOrder=True)["verified"] is True
    assert verify(world, listed | {"count": 2}, retried, inOrder=True)["verified"] is True
    assert verify(world, listed, listed, retried, inOrder=True)["verified"] is True
    assert verify(world, retried, listed)["verified"] is True
    found = verify(world, retried, listed, inOrder=True)
    assert "expected number 2 in order" in found["message"]
    assert verify(world, listed, listed, listed, inOrder=True)["verified"] is False
    none = {"operation": "cancelRun", "count": 0}
    assert verify(world, none, listed, none, retried, inOrder=True)["verified"] is True


def test_no_other_requests(world: MockWorld) -> None:
    """What matches no expectation is named."""
    everything = [LIST, {"operation": "retryRun"}, {"operation": "none"}]
    assert verify(world, *everything, noOthers=True)["verified"] is True
    found = verify(world, *everything[:2], noOthers=True)
    assert "(GET none)" in found["message"]


def test_a_world_without_requests(mock_world: MockWorld) -> None:
    """The message says so; requests to the control API do not count."""
    found = verify(mock_world, {})
    expected = "any request: expected at least 1, got 0; the journal has no requests"
    assert found["message"] == expected


@pytest.mark.parametrize(
    "body",
    [
        {"expectations": []},
        {"expectations": [{"count": 1, "atLeast": 1}]},
        {"expectations": [{"atLeast": 3, "atMost": 2}]},
        {"expectations": [{"count": -1}]},
        {"expectations": [{"opertion": "listRuns"}]},
        {"expectations": [{"path": {}}]},
        {"expectations": [{"path": {"like": "*a*b*c*d*e*"}}]},
        {"expectations": [{"status": "4x"}]},
        {"expectations": [{}], "ordered": True},
    ],
)
def test_an_invalid_expectation(mock_world: MockWorld, body: dict[str, Any]) -> None:
    """It is a validation error, not a failed verification."""
    assert mock_world.client.post("/_mock/verify", json=body).status_code == 422


def test_a_large_body_is_not_kept(mock_world: MockWorld) -> None:
    """It matches no expectation of a body, not even that of no body."""
    run_id = mock_world.create("hang")
    mock_world.client.post(f"{RUNS}/{run_id}/retry", json={"mode": "full", "pad": "x" * 9_000})
    for body in ({"body": {"mode": "full"}}, {"exactBody": None}):
        assert "was not recorded" in verify(mock_world, body)["message"]


def test_the_helper_of_tests(world: MockWorld) -> None:
    """It returns the numbers of the requests, and raises what pytest shows."""
    assert len(world.verify(operation="listRuns", count=2)) == 2
    assert world.verify(operation="cancelRun", at_most=0) == []
    assert len(world.verify(exact_body={"mode": "full", "stepKey": None})) == 1
    with pytest.raises(AssertionError, match="exactly 1, got 2"):
        world.verify(operation="listRuns", count=1)
    with pytest.raises(AssertionError, match="in order"):
        world.verify_all({"operation": "retryRun"}, LIST, in_order=True)
    with pytest.raises(ValueError, match="opertion"):
        world.verify(opertion="listRuns")
