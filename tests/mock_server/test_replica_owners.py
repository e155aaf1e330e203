"""Which replica responds while the owner of a world changes, or cannot be found out at once."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

pytest.importorskip("redis")

from replica import API, Claims, Replica, Request, created, soon
from valkey_server import ValkeyServer

from mock_server.cluster.replicas import ReplicaRoutes
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
@pytest.mark.parametrize("times", [1, 3])
def test_a_store_that_was_slow_is_asked_again_for_the_owner(
    replicas: list[Replica], monkeypatch: pytest.MonkeyPatch, method: str, times: int
) -> None:
    """A replica that has just been started does not know the owner, and is not the owner."""
    owner, other, _ = replicas
    world = f"test-slow-{times}-{method.lower()}"
    path = f"{API}/{created(owner, world)}"
    store = store_of(other)
    claim, failures = store.claim, iter([StoreError("no response within 1 s")] * times)

    async def slow_once(*arguments: Any) -> int:
        for failure in failures:
            raise failure
        return int(await claim(*arguments))

    monkeypatch.setattr(store, "claim", slow_once)
    if method == "GET":
        assert other.request(world, method, path).status_code == 200
    else:
        created(other, world)


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


def test_a_change_is_not_carried_out_when_its_client_has_left_while_it_waited(
    replicas: list[Replica], valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, other, _ = replicas
    world = "test-left"
    claimed(valkey, world, again)
    claims = Claims(again, monkeypatch)
    carried_out = noted_responses(monkeypatch)
    connections: set[Any] = again._server.server_state.connections
    before = len(connections)
    with socket.create_connection(("127.0.0.1", int(other.url.rpartition(":")[2]))) as client:
        head = f"POST /_mock/runs HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {world}\r\n"
        body = '{"scenario": "diamond"}'
        fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(f"{head}{fields}{body}".encode())
        claims.wait_for(2)
    soon(lambda: len(connections) <= before)
    ended(valkey, world)
    assert carried_out.wait(30)
    assert again.request(world, "GET", API).json()["total"] == 0


def noted_responses(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return an event that is set when a request that waited for a lease has been dealt with."""
    done, respond = threading.Event(), ReplicaRoutes._respond_once_owned

    async def noted(self: ReplicaRoutes, *arguments: Any) -> None:
        await respond(self, *arguments)
        done.set()

    monkeypatch.setattr(ReplicaRoutes, "_respond_once_owned", noted)
    return done


def test_an_owner_that_always_breaks_off_is_asked_a_few_times(
    replicas: list[Replica], valkey: ValkeyServer
) -> None:
    """As one does behind a proxy that breaks off; the client gets a response."""
    asked = 0
    with socket.create_server(("127.0.0.1", 0)) as rude:
        url = f"http://127.0.0.1:{rude.getsockname()[1]}"
        owner = {"owner": "gone", "url": url, "until": 2**52, "epoch": 1}
        with valkey.client() as client:
            key = "runs-mock:{test-rude}"
            client.hset(key, mapping=owner | {"attempt": 0, "generation": 0})
        request = Request(replicas[0], "test-rude", "GET", API)
        rude.settimeout(0.05)
        while request.waits:
            with suppress(TimeoutError), rude.accept()[0] as connection:
                asked += connection.recv(4_096).startswith(b"GET ")
    assert request.response().status_code == 503
    assert 1 < asked < 10


@pytest.mark.parametrize("own", [True, False], ids=["own", "forwarded"])
def test_a_connection_that_is_kept_has_a_last_response_when_a_replica_stops(
    replicas: list[Replica], valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    """A load balancer cannot know that it stops, and does not repeat a change."""
    monkeypatch.setattr("mock_server.cluster.replicas._DRAIN", 60)
    replica = Replica(valkey.location)
    world = "test-drained" if own else "test-drained-elsewhere"
    if not own:
        created(replicas[0], world)
    created(replica, world)
    replica._server.should_exit = True
    port = int(replica.url.rpartition(":")[2])
    with suppress(ConnectionError):
        while True:
            socket.create_connection(("127.0.0.1", port)).close()
    response = replica.request(world, "POST", "/_mock/runs", json={"scenario": "diamond"})
    assert response.status_code == 201
    assert response.headers["connection"] == "close"
    replica.stop()
