"""Requests that another process of the mock responds to; here, another server of this process."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from forwarding_pair import SECRET, Pair, raw, request, until_closed

from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.ownership import rendezvous
from mock_server.http.middleware.faults import CONNECTION
from mock_server.testing import RUNS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")


def journal(pair: Pair) -> int:
    count: int = pair.owner.get("/_mock/requests/count?operation=listRuns").json()["total"]
    return count


@pytest.mark.parametrize("path", [RUNS, f"{RUNS}?limit=0", f"{RUNS}/none", "/nothing%20here?a=%2F"])
@pytest.mark.parametrize("route", ["owner", "later-owner"])
def test_a_response_is_that_of_the_owner(pair: Pair, path: str, route: str) -> None:
    """With its status code, header fields and body, for any status."""
    direct, forwarded = pair.owner.get(path), pair.entry.get(path, headers={"X-Route": route})
    assert forwarded.content == direct.content
    assert forwarded.status_code == direct.status_code
    different = {"x-mock-request"}
    assert {k: v for k, v in forwarded.headers.items() if k not in different} == {
        k: v for k, v in direct.headers.items() if k not in different
    }
    assert int(forwarded.headers["x-mock-request"]) > int(direct.headers["x-mock-request"])


def test_it_is_in_the_journal_of_the_owner_only(pair: Pair) -> None:
    before = journal(pair)
    pair.entry.get(RUNS)
    assert journal(pair) == before + 1
    local = pair.entry.get("/_mock/requests/count?operation=listRuns", headers={"X-Route": "local"})
    assert local.json()["total"] == 0


def test_head_has_no_body_and_the_connection_goes_on(pair: Pair) -> None:
    with raw(pair, request(RUNS, "HEAD", fields=()), request(f"{RUNS}?limit=1")) as connection:
        found = until_closed(connection)
    first, second, body = found.split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 200 ")
    assert len(json.loads(body)["items"]) == 1


def test_pipelined_requests_get_their_responses_in_order(pair: Pair) -> None:
    """From the owner and from the process that has the connection."""
    routes = ["owner", "local", "owner", "later-owner", "local"]
    requests = [
        request(f"{RUNS}?limit={index + 1}", route=route, fields=())
        for index, route in enumerate(routes)
    ]
    with raw(pair, *requests, request("/_mock/health")) as connection:
        found = until_closed(connection)
    heads = [part.rpartition(b"HTTP/1.1 200 ")[0] for part in found.split(b"\r\n\r\n")[1:]]
    bodies = [json.loads(part) for part in heads[:-1]]
    assert [len(body["items"]) for body in bodies] == [1, 2, 3, 4, 5]


def test_an_old_client_gets_a_response_that_ends_with_the_connection(pair: Pair) -> None:
    with raw(pair, request("/_mock/metrics", version="1.0", fields=())) as connection:
        head, _, body = until_closed(connection).partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert b"runs_mock_worlds" in body


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_body_in_chunks_arrives(pair: Pair, size: int) -> None:
    """Also one that is larger than what one connection holds, and than what the owner accepts."""

    def chunks() -> Iterator[bytes]:
        yield b'{"scenario": "quick-success"'
        for _ in range(0, size, 50_000):
            yield b" " * min(size, 50_000)
        yield b"}"

    response = pair.entry.post(
        "/_mock/runs", content=chunks(), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == (201 if size == 10 else 413)
    assert pair.entry.get(RUNS).status_code == 200


def test_a_client_that_waits_for_100_gets_it(pair: Pair) -> None:
    body = b'{"scenario": "quick-success"}'
    fields = (
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
        "Connection: close",
    )
    with raw(pair, request("/_mock/runs", "POST", fields=fields)) as connection:
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert until_closed(connection).startswith(b"HTTP/1.1 201 ")


def test_a_stream_is_not_buffered_and_ends_at_the_owner_with_its_client(pair: Pair) -> None:
    run = pair.entry.post("/_mock/runs", json={"scenario": "quick-success"}).json()["id"]

    def streams() -> int:
        return int(pair.owner.get("/_mock/streams").json()["total"])

    with pair.entry.stream("GET", f"{RUNS}/{run}/events") as response:
        lines = response.iter_lines()
        while next(lines):  # The first event, of what has happened.
            pass
        assert streams() == 1
        pair.owner.post("/_mock/clock/advance", json={"seconds": 60})
        assert any(line.startswith("event:") for line in lines)
    for _ in range(2_000):
        if streams() == 0:
            break
    assert streams() == 0


def test_the_client_is_that_of_the_first_connection(pair: Pair) -> None:
    """Access to the control API depends on it."""
    assert pair.entry.get("/_mock/worlds").status_code == 200


def test_a_client_cannot_forge_a_forwarded_request(pair: Pair) -> None:
    """Nor is one of a peer with another secret served as if the peer were its client."""
    before = journal(pair)
    lines = request(RUNS).split(b"\r\n")
    ports = b"guess 8.8.8.8 x a y http known"
    for value in (b"guess 8.8.8.8 1 a 1 http known", ports, b" ".join([b"\xff"] * 7), b"", b"\xff"):
        head = [lines[0], b"X-Mock-Forwarded: " + value, *lines[1:]]
        with raw(pair, b"\r\n".join(head)) as connection:
            response = until_closed(connection).lower()
            assert response.startswith(b"http/1.1 503 ")
            assert b"retry-after: 1" in response
    assert journal(pair) == before


def test_peers_that_agree_on_another_secret_use_it_at_once() -> None:
    """For what they send and accept; an ending is then marked with it as well."""
    forwarder = Forwarder("former")
    scope: dict[str, Any] = {"client": None, "server": None, "scheme": "http", "extensions": {}}
    for secret in ("former", "present"):
        other = Forwarder(secret)
        forwarder.secret = lambda secret=secret: secret
        value = other.mark(scope).strip().partition(b": ")[2]
        given = scope | {"headers": [(b"x-mock-forwarded", value)]}
        given["extensions"] = {CONNECTION: None}
        assert forwarder.accept(given)
        assert forwarder.endings.marks == other.endings.marks


def test_a_forwarded_request_is_not_forwarded_again(pair: Pair) -> None:
    """The owner's own routes lead to itself, and to peers that do not exist."""
    for route in ("owner", "nowhere"):
        mark = f"X-Mock-Forwarded: {SECRET} 127.0.0.1 1 127.0.0.1 2 http known".encode()
        first, _, rest = request(RUNS, route=route).partition(b"\r\n")
        with raw(pair, b"\r\n".join([first, mark, rest])) as connection:
            assert until_closed(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        ("nowhere", "The owner of this world, nowhere, cannot be reached: "),
        ("closed", "The owner of this world, closed, cannot be reached: "),
        ("later-nowhere", "The owner of this world, nowhere, cannot be reached: "),
        ("later-unknown", "The owner is not known."),
    ],
)
def test_an_owner_that_cannot_be_reached_is_503(pair: Pair, route: str, reason: str) -> None:
    response = pair.entry.get(RUNS, headers={"X-Route": route})
    assert response.status_code == 503
    assert response.json()["detail"].startswith(reason)
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("said", "status"), [(b"", 503), (b"\x00\x01\r\n\r\n", 503), (b"HTTP/1.1 200 OK\r\n", None)]
)
def test_an_owner_that_breaks_off(pair: Pair, said: bytes, status: int | None) -> None:
    """Before its response it is 503; after that the client's connection ends as well."""
    with raw(pair, request(RUNS, route="rude")) as client:
        upstream, _ = pair.rude.accept()
        with upstream:
            upstream.recv(65_536)
            upstream.sendall(said)
        found = until_closed(client)
    if status is None:
        assert found == said
    else:
        assert found.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in found


def test_an_owner_that_is_stopped_is_503_and_gets_the_request_once(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It accepts connections, also the one on which it is asked whether it responds."""
    monkeypatch.setattr("mock_server.cluster.forwarding._WATCH_SECONDS", 0.05)
    monkeypatch.setattr("mock_server.cluster.fetch.PATIENCE", 1.0)
    with raw(pair, request(RUNS, "POST", route="rude", fields=("Content-Length: 0",))) as client:
        upstream, _ = pair.rude.accept()
        asked, _ = pair.rude.accept()
        with upstream, asked:
            assert upstream.recv(65_536).startswith(b"POST ")
            assert asked.recv(65_536).startswith(b"GET /_cluster/")
            found = until_closed(client)
            assert upstream.recv(65_536) == b""
    assert found.startswith(b"HTTP/1.1 503 ")
    assert b"The owner of this world, rude, has not responded for 1 s." in found
    assert b"The change may have been made: read the world before you repeat it." in found
    assert b"retry-after" not in found


def test_an_owner_that_responds_has_any_time(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mock_server.cluster.forwarding._WATCH_SECONDS", 0.01)
    added = pair.entry.post("/_mock/faults", json={"latency": {"takes": "300ms"}, "count": 1})
    assert added.status_code == 201, added.text
    assert pair.entry.get(RUNS).status_code == 200


@pytest.mark.parametrize("fault", [{"drop": {}}, {"drop": {"reset": True}}, {"truncated": {}}])
def test_a_fault_that_breaks_off_reaches_the_client(pair: Pair, fault: dict[str, Any]) -> None:
    """As the owner's own clients see it: a reset is a reset, and nothing is 503."""
    added = pair.entry.post("/_mock/faults", json=fault | {"count": 1})
    assert added.status_code == 201, added.text
    found = b""
    with raw(pair, request(RUNS)) as connection:
        if fault == {"drop": {"reset": True}}:
            with pytest.raises(ConnectionResetError):
                until_closed(connection)
        else:
            found = until_closed(connection)
    if "truncated" in fault:
        head, _, body = found.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert SECRET.encode() not in body
        assert 0 < len(body) < int(head.lower().partition(b"content-length: ")[2].split()[0])
    else:
        assert found == b""


def test_each_world_has_one_owner_and_keeps_it_when_another_member_comes() -> None:
    worlds = [f"test-{number}" for number in range(2_000)]
    three, four = ("a", "b", "c"), ("a", "b", "c", "d")
    before = [three[rendezvous(one, three)] for one in worlds]
    after = [four[rendezvous(one, four)] for one in worlds]
    assert all(400 < before.count(name) < 950 for name in three)
    assert {new for old, new in zip(before, after, strict=True) if old != new} == {"d"}
