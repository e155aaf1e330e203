"""A client that polls sends the same bytes again and again, which are parsed only once."""

import json
import socket
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.settings import Settings
from mock_server.testing import serving

RUNS = "/api/v1/automation-runs"


class Sent(NamedTuple):
    """A request as bytes, and what its response must be: status, and ``total`` or None."""

    data: bytes
    status: int
    total: int | None


def request(path: str, *lines: str, method: str = "GET", world: str = "test-one") -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"X-API-Key: {world}", *lines, "", ""]
    return "\r\n".join(head).encode()


def creation(world: str) -> Sent:
    body = b'{"scenario":"quick-success"}'
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    return Sent(request(f"/_mock/runs?world={world}", *lines, method="POST") + body, 201, None)


POOL = [
    Sent(request(RUNS), 200, 1),
    Sent(request(RUNS, world="test-two"), 200, 2),
    Sent(request(f"{RUNS}?status=failed"), 200, 0),
    Sent(request(RUNS, method="HEAD"), 200, None),
    Sent(request(f"{RUNS}/none"), 422, None),
    Sent(request(RUNS, "Content-Length: 4") + b"\r\n\r\n", 200, 1),
    Sent(request(RUNS, "Transfer-Encoding: chunked") + b"4\r\n\r\n\r\n\r\n0\r\n\r\n", 200, 1),
    Sent(request(RUNS, "Transfer-Encoding: chunked") + b"0\r\n\r\n", 200, 1),
    Sent(request(RUNS, "Connection: Upgrade", "Upgrade: websocket"), 200, 1),
    Sent(request(RUNS, "X-Long: " + "x" * 5_000), 200, 1),
    creation("test-three"),
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(Settings(start="empty", scale=0)) as url:
        with Client(url) as client:
            for world in ("test-one", "test-two", "test-two"):
                client.check(creation(world))
        yield url


class Client:
    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._socket = socket.create_connection((where.hostname or "", where.port or 0), 20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def check(self, *requests: Sent) -> None:
        """Send them at once, and compare each response."""
        self.send(b"".join(sent.data for sent in requests))
        for sent in requests:
            self.compare(sent)

    def compare(self, sent: Sent) -> None:
        """Compare the next response."""
        response = self.response(bodiless=sent.data.startswith(b"HEAD"))
        assert response.startswith(b"HTTP/1.1 %d " % sent.status), response
        if sent.total is not None:
            assert json.loads(response.partition(b"\r\n\r\n")[2])["total"] == sent.total

    def response(self, *, bodiless: bool = False) -> bytes:
        """Return the next response."""
        while b"\r\n\r\n" not in self._read:
            self._receive()
        size = self._read.index(b"\r\n\r\n") + 4
        if not bodiless:
            head = self._read[:size].lower()
            size += int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(self._read) < size:
            self._receive()
        found, self._read = self._read[:size], self._read[size:]
        return found

    def _receive(self) -> None:
        piece = self._socket.recv(65_536)
        assert piece
        self._read += piece


Steps = list[tuple[Sent, float, bool]]
"""Each: the request, where it is cut in two, and whether its response is read before the next."""


@given(
    st.lists(
        st.tuples(
            st.sampled_from(POOL),
            st.just(0.0) | st.floats(0, 1),
            st.just(value=True) | st.booleans(),
        ),
        min_size=2,
        max_size=8,
    ).map(lambda steps: [step for step in steps for _ in range(2)])
)
@settings(max_examples=150, deadline=None)
def test_each_request_of_a_connection_has_its_own_response(url: str, steps: Steps) -> None:
    with Client(url) as client:
        waiting: list[Sent] = []
        for sent, cut, awaited in steps:
            at = int(len(sent.data) * cut)
            client.send(sent.data[:at])
            client.send(sent.data[at:])
            waiting.append(sent)
            if awaited:
                while waiting:
                    client.compare(waiting.pop(0))
        for sent in waiting:
            client.compare(sent)


def test_two_requests_that_come_together_are_two_the_second_time_as_well(url: str) -> None:
    with Client(url) as client:
        client.check(*POOL[:2])
        client.check(*POOL[:2])


def test_the_end_of_a_head_cannot_be_a_request(url: str) -> None:
    data = POOL[0].data
    with Client(url) as client:
        client.send(data[:40])
        client.send(data[40:])
        client.compare(POOL[0])
        client.send(data[40:])
        assert client.response().startswith(b"HTTP/1.1 400 ")
