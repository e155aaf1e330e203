"""Which replica responds while the owner of a world changes, or cannot be found out at once."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

pytest.importorskip("redis")

from test_replicas import API, Replica, created
from valkey_server import ValkeyServer

from mock_server.store.store import StoreError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="module")
def replicas(server: ValkeyServer) -> Iterator[list[Replica]]:
    with ExitStack() as stack:
        found = []
        for _ in range(3):
            found.append(Replica(server.location))
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
