"""What a page shows of a mock: its open streams, and the kinds of fault for a form."""

from contextlib import ExitStack

import httpx2
import pytest

from mock_server.faults.registry import KINDS
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"


def test_open_streams_are_listed(mock_world: MockWorld) -> None:
    """The newest first, of this world only, as long as they are open."""
    run_id = mock_world.create("diamond")
    assert mock_world.control("streams", "GET") == {"items": [], "total": 0}
    chunks = []  # An iterator that is dropped closes its response.
    with ExitStack() as stack:
        for agent in ("first/1.0", "second/2.0"):
            headers = {"User-Agent": agent}
            stream = mock_world.client.stream("GET", f"{RUNS}/{run_id}/events", headers=headers)
            response = stack.enter_context(stream)
            chunks.append(response.iter_raw())
            next(chunks[-1])
        shown = mock_world.control("streams", "GET")
        newest = mock_world.control("streams", "GET", limit=1)
        elsewhere = mock_world.client.get("/_mock/streams?world=test-elsewhere").json()
    assert shown["total"] == 2
    assert [one["userAgent"] for one in shown["items"]] == ["second/2.0", "first/1.0"]
    assert shown["items"][0] == {
        "request": int(response.headers["x-mock-request"]),
        "run": run_id,
        "status": "pending",
        "openedAt": mock_world.run(run_id)["createdAt"],
        "position": 1,
        "events": 1,
        "userAgent": "second/2.0",
    }
    assert newest == {"items": shown["items"][:1], "total": 2}
    assert elsewhere == {"items": [], "total": 0}


def test_a_stream_that_has_ended_is_not_listed(mock_world: MockWorld) -> None:
    """As soon as its response is complete."""
    run_id = mock_world.create("diamond")
    with mock_world.client.stream("GET", f"{RUNS}/{run_id}/events") as response:
        mock_world.advance("1h")
        response.read()
    assert mock_world.control("streams", "GET")["total"] == 0


def test_kinds_of_fault_are_listed_with_their_fields(anonymous: httpx2.Client) -> None:
    """All of the registry, and rate limits; each with schemas that need no other document."""
    shown = anonymous.get("/_mock/fault-kinds").json()
    kinds = {one["name"]: one for one in shown["items"]}
    assert list(kinds) == [*KINDS, "rateLimit"]
    assert kinds["status"]["fields"]["code"]["default"] == 503
    assert kinds["status"]["fields"]["retryAfter"]["type"] == "string"
    assert kinds["malformed"]["fields"] == {}
    assert (kinds["cut"]["affectsBodies"], kinds["cut"]["affectsStreams"]) == (False, True)
    assert [name for name, one in kinds.items() if one["standsAlone"]] == ["rateLimit"]
    assert shown["conditions"].keys() == {"operations", "probability", "count", "lasts"}
    assert "$ref" not in str(shown)


@pytest.mark.parametrize("kind", [*KINDS, "rateLimit"])
def test_a_rule_with_the_defaults_of_a_kind_is_valid(mock_world: MockWorld, kind: str) -> None:
    """A form that sends the defaults, and an example where there is none, builds a rule."""
    shown = mock_world.client.get("/_mock/fault-kinds").json()["items"]
    [fields] = [one["fields"] for one in shown if one["name"] == kind]
    value = {name: one["default"] for name, one in fields.items() if "default" in one}
    added = mock_world.control("faults", **{kind: value})
    assert added["rule"][kind].items() >= value.items()
