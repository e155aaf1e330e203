"""Many requests on one connection: the mock bounds what waits."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import raw_http

from mock_server.connection import Connection
from mock_server.settings import ConnectionLimits, Settings
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"
PATH = RUNS.encode()
SHORT = b"GET " + PATH + b" HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET " + PATH + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
UPGRADE = b"GET " + PATH + b" HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
BODY = b"POST " + PATH + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50_000
AT_ONCE = 1_000


@pytest.fixture(scope="module")
def impatient() -> Iterator[str]:
    """A mock that waits a moment only for requests that wait."""
    limits = ConnectionLimits(head_seconds=0.3, body_seconds=0.3, pipelined=8)
    with serving(Settings(start="empty", scale=0, limits=limits)) as url:
        yield url


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of requests that wait, each time one arrives."""
    found = []
    complete = Connection.on_headers_complete

    def counted(connection: Connection) -> None:
        found.append(len(connection.pipeline))
        complete(connection)

    monkeypatch.setattr(Connection, "on_headers_complete", counted)
    return found


def exchange(url: str, content: bytes) -> bytes:
    """Send while responses are read; return all of them."""
    where = urlsplit(url)
    connection = socket.create_connection((where.hostname, where.port), timeout=20)
    sender = threading.Thread(target=connection.sendall, args=(content,))
    sender.start()
    try:
        return raw_http.read(connection)
    finally:
        sender.join()


@pytest.mark.parametrize("request_", [SHORT, UPGRADE], ids=["plain", "upgrade"])
def test_a_flood_of_requests_waits_in_the_socket(
    mock_server_url: str, waiting: list[int], request_: bytes
) -> None:
    """A client that sends faster than it is served does not fill the memory."""
    response = exchange(mock_server_url, request_ * 2_000 + LAST)
    assert response.count(b"HTTP/1.1 401 ") == 2_001
    assert max(waiting) < AT_ONCE


def test_bodies_are_read_between_other_requests(mock_server_url: str) -> None:
    """Wherever a piece ends."""
    response = exchange(mock_server_url, (SHORT * 70 + BODY + UPGRADE) * 5 + LAST)
    assert response.count(b"HTTP/1.1 401 ") == 356
    assert response.count(b"HTTP/1.1 405 ") == 5


def test_requests_behind_a_stream_are_bounded(mock_world: MockWorld, waiting: list[int]) -> None:
    """The stream does not end, so they would wait for ever."""
    with streaming(mock_world) as connection:
        connection.setblocking(False)
        with suppress(BlockingIOError):  # The buffers of both sides are full.
            while True:
                connection.send(SHORT * 6_000)
        assert mock_world.client.get(RUNS).status_code == 200
    assert 0 < max(waiting) < AT_ONCE


def test_a_client_that_leaves_many_requests_is_noticed(impatient: str) -> None:
    """Although the mock no longer reads what it sends."""
    with MockWorld(impatient, "test-many", runs=0, live=0, scale=0) as world:
        connection = streaming(world)
        connection.sendall(SHORT * 20)
        connection.close()
        left(world)


def test_requests_that_are_served_in_time_are_not_cut_off(impatient: str) -> None:
    """Many more than may wait."""
    assert exchange(impatient, SHORT * 500 + LAST).count(b"HTTP/1.1 401 ") == 501


def streaming(world: MockWorld) -> socket.socket:
    """Return a connection that has read the first event of a stream."""
    where = urlsplit(world.base_url)
    connection = socket.create_connection((where.hostname, where.port), timeout=20)
    path = f"{RUNS}/{world.create('hang')}/events"
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {world.key}\r\n\r\n"
    connection.sendall(head.encode())
    while b"\nid: 1\n" not in connection.recv(65_536):
        pass
    return connection


def left(world: MockWorld) -> None:
    """Wait until the mock has noticed that the client of the newest stream has left."""
    deadline = time.monotonic() + 20
    while world.control("requests", "GET", operation="streamRunEvents")["items"][0]["stream"] == (
        "open"
    ):
        assert time.monotonic() < deadline
