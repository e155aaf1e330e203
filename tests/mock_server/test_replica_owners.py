"""Which replica responds while the owner of a world changes, or cannot be found out at once."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

pytest.importorskip("redis")

from replica import API, Claims, Replica, Request, created
from valkey_server import ValkeyServer

from mock_server.store.store import StoreError


@pytest.fixture(scope="module")
def replicas(valkey: ValkeyServer) -> Iterator[list[Replica]]:
    with ExitStack() as stack:
        found = []
        for _ in range(3):
            found.append(Replica(valkey.location))
            stack.callback(found[-1].stop)
        yield found


@pytest.fixture(autouse=True)
def _remembering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has just been started knows the owners."""
    monkeypatch.setattr("mock_server.store.valkey._FORGETFUL_MS", "0")


def store_of(replica: Replica) -> Any:
    return replica.mock.keeper and replica.mock.keeper.store


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_store_that_was_slow_once_is_asked_again_for_the_owner(
    replicas: list[Replica], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """A replica that has just been started does not know the owner, and is not the owner."""
    owner, other, _ = replicas
    world = f"test-slow-{method.lower()}"
    path = f"{API}/{created(owner, world)}"
    store = store_of(other)
    claim, failures = store.claim, iter([StoreError("no response within 1 s")])

    async def slow_once(*arguments: Any) -> int:
        for failure in failures:
            raise failure
        return int(await claim(*arguments))

    monkeypatch.setattr(store, "claim", slow_once)
    path = path if method == "GET" else f"{path}/cancel"
    assert other.request(world, method, path).status_code == 200


def claimed(valkey: ValkeyServer, world: str, replica: Replica) -> None:
    """Let a former process at the URL of that replica own the world, until ``ended``."""
    gone = {"owner": "gone", "url": replica.url, "until": 2**52, "epoch": 1}
    with valkey.client() as client:
        client.hset(f"runs-mock:{{{world}}}", mapping=gone | {"attempt": 0, "generation": 0})


def ended(valkey: ValkeyServer, world: str) -> None:
    """End the lease of the former process."""
    with valkey.client() as client:
        client.hset(f"runs-mock:{{{world}}}", "until", 0)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_owner_that_was_killed_and_started_again_waits_for_the_end_of_its_lease(
    replicas: list[Replica], valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Others forward requests to its URL, where it does not own the world any longer."""
    again, other, _ = replicas
    world = f"test-again-{method.lower()}"
    claimed(valkey, world, again)
    claims = Claims(again, monkeypatch)
    if method == "GET":
        request = Request(other, world, "GET", API)
    else:
        request = Request(other, world, "POST", "/_mock/runs", json={"scenario": "diamond"})
    claims.wait_for(2)
    ended(valkey, world)
    assert request.response().status_code == (200 if method == "GET" else 201)
    assert world in again.mock.worlds


def test_a_read_that_waits_at_one_replica_goes_on_to_the_one_that_owns_the_world_then(
    replicas: list[Replica], valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, other, third = replicas
    world = "test-onward"
    claimed(valkey, world, again)
    claims = Claims(again, monkeypatch)
    request = Request(other, world, "GET", API)
    claims.wait_for(2)
    claims = Claims(third, monkeypatch)
    claimed(valkey, world, third)
    claims.wait_for(2)
    ended(valkey, world)
    assert request.response().json() == {"items": [], "total": 0}
    assert world in third.mock.worlds
