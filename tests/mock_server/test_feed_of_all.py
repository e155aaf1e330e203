"""The live feed with the requests of all worlds, when the requests of one go away."""

import json
import sys
from collections.abc import Callable, Iterator

import httpx2
import pytest
from served_command import Served, serve, worlds_of

from mock_server.testing import RUNS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers")

FOLLOWED, OTHER = worlds_of(2)
TOKEN = {"X-Mock-Token": "the-token"}


@pytest.fixture(scope="module", params=["1", "2"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    """The worlds belong to different workers where there are two."""
    served: Served
    options = ("--control-token", "the-token", "--start", "empty", "--clock", "frozen")
    with serve("--workers", request.param, *options) as served, served.client() as client:
        client.headers.update(TOKEN)
        yield client


def reset(client: httpx2.Client) -> httpx2.Response:
    return client.post(f"/_mock/reset?world={OTHER}", json={})


def cleared(client: httpx2.Client) -> httpx2.Response:
    return client.delete(f"/_mock/requests?world={OTHER}")


@pytest.mark.parametrize("remove", [cleared, reset])
def test_requests_of_another_world_that_go_away_are_a_resync(
    client: httpx2.Client, remove: Callable[[httpx2.Client], httpx2.Response]
) -> None:
    """Else a page would show them on, and a count with them."""
    follow(client, remove)


def test_requests_of_a_world_that_makes_room_for_another_are_a_resync_too() -> None:
    with serve("--most-worlds", "2", "--start", "empty") as served, served.client() as client:
        follow(client, lambda client: client.get(RUNS, headers={"X-API-Key": "test-third"}))


def follow(client: httpx2.Client, remove: Callable[[httpx2.Client], httpx2.Response]) -> None:
    """Follow all requests until there is one of the other world, remove it, and wait for the
    event."""
    url = f"/_mock/events?whose=all&topics=requests&world={FOLLOWED}"
    known, name = False, ""
    with client.stream("GET", url) as response:
        for line in response.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data" and known and name == "resync":
                return
            elif field == "data" and not known:
                known = any(one["tenant"] == OTHER for one in json.loads(value).get("requests", ()))
                if known:
                    assert remove(client).is_success
                else:  # One that comes before the other worker is followed is not in the feed.
                    client.get(RUNS, headers={"X-API-Key": OTHER})
                    client.get(RUNS, headers={"X-API-Key": FOLLOWED})
    raise AssertionError("the feed has ended")
