"""Several mocks that share a store are one: any of them responds for any world."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

import httpx2
import pytest

pytest.importorskip("redis")

from replica import API, Claims, Replica, Request, created
from valkey_server import ValkeyServer

from mock_server.app import Mock
from mock_server.cluster import advertised_url, replicas
from mock_server.cluster.ownership import Peer
from mock_server.errors import UsageError
from mock_server.settings import Settings


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def other(valkey: ValkeyServer, stack: ExitStack) -> Replica:
    replica = Replica(valkey.location)
    stack.callback(replica.stop)
    return replica


@pytest.fixture(scope="module")
def owner(valkey: ValkeyServer, stack: ExitStack) -> Replica:
    replica = Replica(valkey.location)
    stack.callback(replica.stop)
    return replica


def test_any_replica_responds_for_the_owner(owner: Replica, other: Replica) -> None:
    """To reads and changes; what is about the process is about the one that was asked."""
    run = created(owner, "test-any")
    second = created(other, "test-any")
    assert "test-any" not in other.mock.worlds
    frozen = other.request("test-any", "POST", "/_mock/clock/freeze")
    assert frozen.status_code == 200
    listed = [one.request("test-any", "GET", API).json() for one in (owner, other)]
    assert listed[0] == listed[1]
    assert {one["id"] for one in listed[0]["items"]} == {run, second}
    assert other.request("test-any", "HEAD", f"{API}/{run}").status_code == 200
    worlds = [one.request("test-any", "GET", "/_mock/health").json() for one in (owner, other)]
    assert [one["worlds"] for one in worlds] == [1, 0]


def test_a_stream_goes_on_at_another_replica_after_a_stop(
    valkey: ValkeyServer, other: Replica
) -> None:
    """Without a gap and without a duplicate, for a client that resumes with ``Last-Event-ID``."""
    first = Replica(valkey.location)
    try:
        run = created(first, "test-stop")
        stream = other.stream("test-stop", run)
        seen = list(islice(stream, 2))
    finally:
        first.stop()
    seen += stream  # What had been sent before it ended.
    seen += other.stream("test-stop", run, seen[-1][0])
    assert "test-stop" in other.mock.worlds
    assert [number for number, _ in seen] == list(range(1, len(seen) + 1))
    assert seen == list(other.stream("test-stop", run))
    assert "completed" in seen[-1][1]


def test_a_replica_that_was_paused_shows_nothing_that_is_no_longer_its_own(
    owner: Replica,
    valkey: ValkeyServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It asks first: it goes on if no other has claimed the world meanwhile, and else closes it."""
    monkeypatch.setattr("mock_server.cluster.replicas.PATIENCE", 0)
    world = "test-pause"
    run = created(owner, world)
    stream = owner.stream(world, run)
    next(stream)
    store: Any = owner.mock.keeper and owner.mock.keeper.store
    store._owned[world].end()
    assert owner.request(world, "GET", API).json()["total"] == 1
    key = f"runs-mock:{{{world}}}"
    with valkey.client() as client:
        claimed = {"owner": "another", "url": "", "until": 2**52, "epoch": 2**51}
        client.hset(key, mapping=claimed)
        store._owned[world].end()
        response = owner.request(world, "GET", API)
        assert response.status_code == 503
        assert "another mock's: it belongs to another" in response.json()["detail"]
        with pytest.raises(httpx2.RemoteProtocolError):
            list(stream)
        assert "ASGI" not in caplog.text
        client.hset(key, "until", 0)
    monkeypatch.setattr("mock_server.store.valkey._FORGETFUL_MS", "0")
    assert owner.request(world, "GET", API).json()["total"] == 1


def test_a_request_waits_for_the_end_of_the_lease_of_an_owner_that_is_gone(
    owner: Replica, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mock_server.store.valkey._FORGETFUL_MS", "0")
    key = "runs-mock:{test-gone}"
    with valkey.client() as client:
        seconds, micros = client.time()
        until = seconds * 1_000 + micros // 1_000 + 300
        gone = {"owner": "x", "url": "http://127.0.0.1:1", "until": until, "epoch": 1}
        client.hset(key, mapping=gone | {"attempt": 0, "generation": 0})
        assert owner.request("test-gone", "GET", API).json() == {"items": [], "total": 0}
        assert int(client.hget(key, "epoch")) > until


def test_a_request_does_not_wait_for_an_owner_without_a_network_longer_than_its_lease(
    owner: Replica, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine is gone, so no connection is refused; the lease ends while one is tried."""
    monkeypatch.setattr("mock_server.store.valkey._FORGETFUL_MS", "0")
    monkeypatch.setattr("mock_server.cluster.ownership.CONNECT_SECONDS", 3_600)
    monkeypatch.setattr("mock_server.cluster.replicas.CONNECT_SECONDS", 3_600)

    async def silent(_peer: Peer, _protocol: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Peer, "connect", silent)
    key = "runs-mock:{test-silent-machine}"
    with valkey.client() as client:
        seconds, micros = client.time()
        until = seconds * 1_000 + micros // 1_000 + 200
        gone = {"owner": "x", "url": "http://127.0.0.1:1", "until": until, "epoch": 1}
        client.hset(key, mapping=gone | {"attempt": 0, "generation": 0})
    assert owner.request("test-silent-machine", "GET", API).json()["total"] == 0


def test_a_former_owner_is_not_asked_where_the_store_was_restarted(
    owner: Replica, other: Replica, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has released the world and has to wait as well, so it would refuse the request."""
    monkeypatch.setattr("mock_server.store.valkey._FORGETFUL_MS", str(2**52))
    released = {"owner": "x", "url": other.url, "until": 0, "epoch": 1}
    with valkey.client() as client:
        client.hset("runs-mock:{test-restarted}", mapping=released | {"attempt": 0})
    claims = Claims(owner, monkeypatch)
    request = Request(owner, "test-restarted", "GET", API)
    claims.wait_for(3)
    monkeypatch.setattr("mock_server.store.valkey._FORGETFUL_MS", "0")
    assert request.response().json() == {"items": [], "total": 0}
    assert "test-restarted" not in other.mock.worlds


def test_reads_go_to_an_owner_that_is_known_without_asking_the_store(
    owner: Replica, other: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes ask, since one that gets no response is not repeated."""
    world = "test-known"
    run = created(owner, world)
    claims = Claims(other, monkeypatch)
    for _ in range(3):
        assert other.request(world, "GET", f"{API}/{run}").status_code == 200
        assert other.request(world, "HEAD", API).status_code == 200
    assert claims.count == 1
    created(other, world)
    assert claims.count == 2


def test_an_owner_that_has_lost_the_world_says_so(
    valkey: ValkeyServer, owner: Replica, other: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that goes to it all the same is not carried out there, but by the present owner."""
    monkeypatch.setattr("mock_server.store.valkey._FORGETFUL_MS", "0")
    world = "test-lost"
    run = created(owner, world)
    assert other.request(world, "GET", API).json()["total"] == 1
    claims = Claims(other, monkeypatch)
    asked = Claims(owner, monkeypatch)
    store: Any = owner.mock.keeper and owner.mock.keeper.store
    with valkey.client() as client:
        client.hset(f"runs-mock:{{{world}}}", mapping={"until": 0, "epoch": 2**51})
    if (owned := store._owned.get(world)) is not None:  # It may have noticed.
        owned.end()
    assert other.request(world, "GET", f"{API}/{run}").json()["id"] == run
    assert (claims.count, asked.count) == (1, 0)
    assert world in other.mock.worlds
    assert owner.request(world, "GET", f"{API}/{run}").json()["id"] == run
    assert world not in owner.mock.worlds


def test_a_response_of_421_is_one_as_any_other(owner: Replica, other: Replica) -> None:
    world = "test-421"
    created(owner, world)
    assert other.request(world, "GET", API).status_code == 200
    fault = {"status": {"code": 421}, "count": 1}
    assert other.request(world, "POST", "/_mock/faults", json=fault).status_code == 201
    assert [other.request(world, "GET", API).status_code for _ in range(2)] == [421, 200]


def test_an_owner_that_cannot_be_reached_is_503_with_its_url(
    owner: Replica, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mock_server.cluster.replicas.PATIENCE", 0)
    with valkey.client() as client:
        away = {"owner": "x", "url": "http://127.0.0.1:1", "until": 2**52, "epoch": 1}
        client.hset("runs-mock:{test-away}", mapping=away | {"attempt": 0, "generation": 0})
    response = owner.request("test-away", "GET", API)
    assert response.status_code == 503
    assert "cannot be reached at http://127.0.0.1:1: check its --adv" in response.json()["detail"]


def test_an_owner_that_is_silent_is_left_when_it_has_lost_the_world(
    owner: Replica, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A paused process keeps its connections, and accepts others."""
    monkeypatch.setattr("mock_server.store.valkey._FORGETFUL_MS", "0")
    monkeypatch.setattr("mock_server.cluster.forwarding._WATCH_SECONDS", 0.05)
    monkeypatch.setattr("mock_server.cluster.replicas._SEEN_FOR", 0)
    key = "runs-mock:{test-silent}"
    with valkey.client() as client, socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        claimed = {"owner": "x", "url": url, "until": 2**52, "epoch": 1}
        client.hset(key, mapping=claimed | {"attempt": 0, "generation": 0})
        request = Request(owner, "test-silent", "GET", API)
        silent.accept()[0].close()  # It looks whether the owner accepts connections.
        forwarded, _ = silent.accept()
        with forwarded:
            assert forwarded.recv(4_096).startswith(b"GET ")
            client.hset(key, "until", 0)
            assert request.response().json() == {"items": [], "total": 0}


@pytest.mark.parametrize("other_service", [False, True], ids=["nothing", "another mock"])
def test_a_wrong_url_is_noticed_at_the_start(
    valkey: ValkeyServer,
    other: Replica,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    other_service: bool,
) -> None:
    monkeypatch.setattr("mock_server.cluster.advertised_url._PAUSE", 0)
    logged = threading.Event()
    monkeypatch.setattr(advertised_url.log, "warning", noted(advertised_url.log.warning, logged))
    wrong = other.url if other_service else "http://127.0.0.1:1"
    replica = Replica(valkey.location, wrong)
    assert logged.wait(30)
    replica.stop()
    got = "another service" if other_service else "Connection refused"
    assert f"--advertise: expected this mock at {wrong}, got: {got}" in caplog.text
    assert other.url not in caplog.text.replace(wrong, "")


def noted(call: Callable[..., None], done: threading.Event) -> Callable[..., None]:
    """Return a function that calls ``call`` and sets ``done``."""

    def called(*arguments: Any) -> None:
        call(*arguments)
        done.set()

    return called


def test_a_replica_without_its_store_is_not_ready(
    owner: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a load balancer sends requests to others."""
    assert owner.request("demo", "GET", "/_mock/ready").status_code == 200
    keeper: Any = owner.mock.keeper
    monkeypatch.setattr(keeper._failures, "problem", "no connection")
    response = owner.request("demo", "GET", "/_mock/ready")
    assert response.status_code == 503
    assert "no connection" in response.json()["detail"]


@pytest.mark.parametrize(
    ("advertised", "store", "workers", "problem"),
    [
        ("mock-1:8080", "valkey://db", 1, "a URL such as http"),
        ("https://mock-1", "valkey://db", 1, "a URL such as http"),
        ("http://[::1", "valkey://db", 1, "a URL such as http"),
        ("http://mock..svc:8080", "valkey://db", 1, "a URL such as http"),
        ("http://mock-1/path", "valkey://db", 1, "a URL such as http"),
        ("http://user@mock-1", "valkey://db", 1, "a URL such as http"),
        ("http://mock-1", "memory", 1, "several mocks can use, got memory"),
        ("http://mock-1", "dir:worlds", 1, "several mocks can use, got dir:worlds"),
        ("http://mock-1", "dir:/tmp/x://y", 1, "several mocks can use, got dir:/tmp/x"),
        ("http://mock-1", "valkey://db", 2, "contradict"),
    ],
)
def test_what_cannot_be_advertised(advertised: str, store: str, workers: int, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        replicas.check(advertised, store, workers)


def test_a_url_is_advertised_without_its_last_slash() -> None:
    assert replicas.check("http://mock-1:80/", "valkey://db", 1) == "http://mock-1:80"


def first_bytes(replica: Replica, world: str, path: str, body: bytes = b"") -> bytes:
    """Return the beginning of the response to a read, on a connection of its own."""
    port = int(replica.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        head = b"GET %b HTTP/1.1\r\nHost: h\r\nX-API-Key: %b\r\n" % (path.encode(), world.encode())
        client.sendall(head + length + b"\r\n" + body)
        return client.recv(60)


def test_a_read_whose_body_is_gone_is_not_sent_again(
    valkey: ValkeyServer, owner: Replica, other: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next owner would take the next request on that connection for the body."""
    monkeypatch.setattr("mock_server.store.valkey._FORGETFUL_MS", "0")
    third = Replica(valkey.location)
    created(owner, "test-moved")
    run = created(third, "test-bystander")
    assert first_bytes(other, "test-moved", API).startswith(b"HTTP/1.1 200")
    keeper: Any = owner.mock.keeper
    with valkey.client() as client:
        client.hset("runs-mock:{test-moved}", mapping={"until": 0, "epoch": 2**51})
    keeper.store._owned["test-moved"].end()
    assert third.request("test-moved", "GET", API).status_code == 200  # It takes the world over.
    assert first_bytes(other, "test-moved", API, b"x" * 300).startswith(b"HTTP/1.1 503")
    bystander = first_bytes(other, "test-bystander", f"{API}/{run}")
    assert bystander.startswith(b"HTTP/1.1 200")
    third.stop()


def test_a_key_of_another_type_does_not_keep_expired_worlds(
    valkey: ValkeyServer, owner: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mock_server.store.valkey._FORGETFUL_MS", "0")
    created(owner, "test-model")
    with valkey.client() as client:
        model = client.hgetall("runs-mock:{test-model}")
        client.hset("runs-mock:{test-old}", mapping=model | {b"until": 0, b"used": 1})
        client.set("runs-mock:{test-another}", "of another program")

        async def sweep() -> None:
            keeper: Any = Mock(Settings(start="empty", store=valkey.location)).keeper
            await keeper.store.claim("test-clock")  # It learns the time of the server.
            await keeper._sweep()
            await keeper.store.close()

        asyncio.run(sweep())
        assert not client.exists("runs-mock:{test-old}")
        assert client.get("runs-mock:{test-another}") == b"of another program"
        client.delete("runs-mock:{test-another}")
