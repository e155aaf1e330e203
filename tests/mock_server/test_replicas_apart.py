"""Replicas of which one is missing, wrong or late, and a store that has lost its data."""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest

pytest.importorskip("redis")

from replica import API, Replica, soon
from valkey_server import ValkeyServer

from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.ownership import Peer
from mock_server.cluster.remote_worlds import RemoteWorlds
from mock_server.settings import Access, Settings
from mock_server.testing import serving

TOKEN = {"X-Mock-Token": "the-token"}
OTHER_JSON = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n"
    b'{"status":"ok"}'
)
HTML = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\n<p>hi</p>"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mock_server.cluster.presence.TICK", 0.01)
    monkeypatch.setattr("mock_server.store.keeper.TICK", 0.01)


@pytest.fixture
def one(server: ValkeyServer) -> Iterator[Replica]:
    with replica(server) as found:
        yield found


@contextmanager
def replica(server: ValkeyServer, token: str = "the-token") -> Iterator[Replica]:
    found = Replica(server.location, token=token)
    try:
        yield found
    finally:
        found.stop()


def asked(replica: Replica, path: str, method: str = "GET", **given: Any) -> httpx2.Response:
    return replica.request("test-asks", method, f"/_mock/{path}", TOKEN, **given)


@contextmanager
def listed(server: ValkeyServer, url: str) -> Iterator[None]:
    """Let the store name another replica."""
    with server.client() as client:
        client.zadd("runs-mock:replicas", {url: 2**52})
        yield
        client.zrem("runs-mock:replicas", url)


@contextmanager
def service(response: bytes) -> Iterator[str]:
    """Run a service that responds to everything alike, or never where that is empty."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as open_ones:

        def run() -> None:
            while True:
                try:
                    connection = open_ones.enter_context(listener.accept()[0])
                    connection.recv(65_536)
                    if response:
                        connection.sendall(response)
                        connection.close()
                except OSError:
                    return

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


VERDICTS = [("requests/count?whose=all", "GET", None), ("requests?whose=all", "DELETE", None)]
VERDICTS += [("verify?whose=all", "POST", {"expectations": [{"operation": "getRun", "count": 0}]})]


@pytest.mark.parametrize("response", [HTML, OTHER_JSON, b""], ids=["HTML", "JSON", "silent"])
def test_lists_leave_out_what_does_not_respond_and_verdicts_say_so(
    one: Replica, server: ValkeyServer, response: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mock_server.cluster.fetch.SOON", 0.2)
    monkeypatch.setattr("mock_server.cluster.remote_worlds.SOON", 0.2)
    assert one.request("test-here", "GET", API).status_code == 200
    with service(response) as url, listed(server, url):
        soon(lambda: one.peers == 1)
        worlds = asked(one, "worlds")
        assert [item["name"] for item in worlds.json()["items"]] == ["test-here"]
        assert asked(one, "requests?whose=all").json()["total"] == 1
        assert asked(one, "requests/77777").status_code == 404
        for path, method, body in VERDICTS:
            verdict = asked(one, path, method, json=body) if body else asked(one, path, method)
            assert verdict.status_code == 503
            assert url in verdict.json()["detail"]
            assert verdict.headers["Retry-After"]


def test_another_mock_is_not_a_peer(one: Replica, server: ValkeyServer) -> None:
    """It has its own requests, which are not removed."""
    assert one.request("test-here", "GET", API).status_code == 200
    with (
        serving(Settings(start="empty", access=Access(token="the-token"))) as url,
        httpx2.Client(base_url=url, headers={"X-API-Key": "demo"}) as client,
    ):
        number = client.get(API).headers["X-Mock-Request"]
        with listed(server, url):
            soon(lambda: one.peers == 1)
            assert asked(one, "requests?whose=all").json()["total"] == 1
            refused = asked(one, "requests?whose=all", "DELETE")
            assert refused.status_code == 503
            assert "another service is there" in refused.json()["detail"]
        assert client.get(f"/_mock/requests/{number}", headers=TOKEN).status_code == 200


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://[::1", "garbage"])
def test_a_url_that_cannot_be_one_is_left_out(one: Replica, server: ValkeyServer, url: str) -> None:
    with listed(server, url), server.client() as client:
        client.zadd("runs-mock:ended-sessions", {"garbage": 2**52})
        soon(lambda: one.peers == 1)
        assert asked(one, "worlds").json() == {"items": []}
        assert asked(one, "requests/count?whose=all").status_code == 503


def test_worlds_are_announced_when_they_differ_only() -> None:
    async def check() -> None:
        worlds, peer = RemoteWorlds(Forwarder("secret"), complete=False), Peer("x", "http://[::1")
        calls: list[str] = []
        worlds.follow(lambda: calls.append("changed"), requests=False)
        for peers in ([peer], [peer], [peer], [], []):
            worlds.met(peers)
        worlds.rest()
        assert calls == ["changed"] * 2

    asyncio.run(check())


def test_a_replica_with_another_token_is_left_out(one: Replica, server: ValkeyServer) -> None:
    with replica(server, "another") as other:
        soon(lambda: one.peers == 1)
        assert other.request("test-theirs", "GET", API).status_code == 200
        assert asked(one, "worlds").json() == {"items": []}
        counted = asked(one, "requests/count?whose=all")
        assert counted.status_code == 503
        assert f"{other.url} responds with 401: it has another control token" in counted.text


def test_in_order_is_not_for_the_requests_of_several_replicas(
    one: Replica, server: ValkeyServer
) -> None:
    body = {"expectations": [{"operation": "listRuns"}], "inOrder": True}
    assert asked(one, "verify?whose=all", "POST", json=body).status_code == 200
    with replica(server):
        soon(lambda: one.peers == 1)
        refused = asked(one, "verify?whose=all", "POST", json=body)
        assert refused.status_code == 409
        assert "Verify those of one world" in refused.json()["detail"]
        assert asked(one, "verify", "POST", json=body).status_code == 200


def test_replicas_agree_again_after_the_store_has_lost_its_data(
    one: Replica, server: ValkeyServer
) -> None:
    """They have no worlds, and so claim none."""
    with replica(server) as other:
        soon(lambda: one.peers == 1)
        with server.client() as client:
            client.flushall()
        with replica(server) as third:
            soon(lambda: [each.peers for each in (one, other, third)] == [2, 2, 2])
            for each in (one, other, third):
                soon(lambda each=each: asked(each, "requests/count?whose=all").is_success)  # type: ignore[misc]
                assert asked(each, "worlds").json() == {"items": []}


def test_a_replica_without_worlds_is_not_ready_while_its_store_is_down(
    one: Replica, server: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "mock_server")
    assert asked(one, "ready").status_code == 200
    server.kill()
    soon(lambda: asked(one, "ready").status_code == 503)
    assert [asked(one, "ready").status_code for _ in range(50)] == [503] * 50
    server.start_again()
    soon(lambda: asked(one, "ready").status_code == 200)
    lines = [one.getMessage() for one in caplog.records if "the store" in one.getMessage()]
    assert [" fails: " in line for line in lines] == [True, False]


def test_a_feed_is_to_read_again_when_requests_are_removed_elsewhere(
    one: Replica, server: ValkeyServer
) -> None:
    assert one.request("test-watched", "GET", API).status_code == 200
    with ExitStack() as stack:
        other = stack.enter_context(replica(server))
        soon(lambda: (one.peers, other.peers) == (1, 1))
        assert other.request("test-elsewhere", "GET", API).status_code == 200
        path = "/_mock/events?world=test-watched&whose=all&topics=requests"
        lines = stack.enter_context(one.opened(path, TOKEN)).iter_lines()
        assert any(line == "event: hello" for line in lines)
        ended = threading.Event()

        def clear() -> None:
            while not ended.wait(0.05):
                asked(other, "requests?world=test-elsewhere", "DELETE")

        clearing = threading.Thread(target=clear)
        clearing.start()
        try:
            assert any(line == "event: resync" for line in lines)
        finally:
            ended.set()
            clearing.join()


def test_a_feed_has_the_requests_of_a_replica_that_comes_later(
    one: Replica, server: ValkeyServer
) -> None:
    assert one.request("test-watched", "GET", API).status_code == 200
    path = "/_mock/events?world=test-watched&whose=all"
    with ExitStack() as stack:
        feed = stack.enter_context(one.opened(path, TOKEN))
        lines = feed.iter_lines()
        assert any(line == "event: hello" for line in lines)
        late = stack.enter_context(replica(server))
        soon(lambda: late.peers == 1)
        seen = threading.Event()

        def ask() -> None:
            while not seen.wait(0.05):
                late.request("test-late", "GET", API)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            for line in lines:
                name, _, value = line.partition(": ")
                entries = json.loads(value).get("requests", []) if name == "data" else []
                if any(entry["tenant"] == "test-late" for entry in entries):
                    break
            else:
                raise AssertionError("the feed has ended")
        finally:
            seen.set()
            asking.join()
