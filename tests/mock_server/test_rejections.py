"""A request that is wrong, behind others on its connection: each of those has its own response."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import raw_http

from mock_server.settings import ConnectionLimits, Settings
from mock_server.testing import serving

RUNS = "/api/v1/automation-runs"
HEAD = f"GET {RUNS}?limit=0 HTTP/1.1\r\nHost: localhost\r\nX-API-Key: test-behind\r\n"
GARBAGE = "\0\r\n\r\n"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    limits = ConnectionLimits(head_seconds=0.2, body_seconds=0.2, idle_seconds=30)
    with serving(Settings(start="empty", scale=0, limits=limits)) as url:
        yield url


def connect(url: str) -> socket.socket:
    where = urlsplit(url)
    return socket.create_connection((where.hostname or "", where.port or 0), timeout=20)


def created(url: str) -> str:
    body = '{"scenario": "diamond"}'
    head = "POST /_mock/runs HTTP/1.1\r\nHost: localhost\r\nX-API-Key: test-behind\r\n"
    fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    with connect(url) as connection:
        connection.sendall(f"{head}{fields}Connection: close\r\n\r\n{body}".encode())
        _, _, found = raw_http.read(connection).partition(b"\r\n\r\n")
    run: str = json.loads(found)["id"]
    return run


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (GARBAGE, b"400"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", b"400"),
        ("GET / HTTP/1.1\r\nHost: a\r\n", b"408"),
        (f"GET /{'x' * 80_000} HTTP/1.1\r\nHost: a\r\n\r\n", b"414"),
        (f"{HEAD}Transfer-Encoding: chunked\r\n\r\nno size\r\n", b"400"),
        (f"{HEAD}Content-Length: 5\r\n\r\n", b"200"),  # Which needs no body; then it is closed.
        ("POST /_mock/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n", b"408"),
    ],
)
def test_the_requests_before_a_wrong_one_have_their_responses(
    url: str, wrong: str, status: bytes
) -> None:
    """Also where all of them arrive at once."""
    run = created(url)
    cancel = f"POST {RUNS}/{run}/cancel HTTP/1.1\r\nHost: localhost\r\nX-API-Key: test-behind\r\n"
    connection = connect(url)
    connection.sendall(f"{HEAD}\r\n{cancel}Content-Length: 0\r\n\r\n{wrong}".encode())
    found = [part[:3] for part in raw_http.read(connection).split(b"HTTP/1.1 ")[1:]]
    assert found == [b"200", b"200", status]


@pytest.mark.parametrize("wrong", [GARBAGE, f"{HEAD}\r\n{GARBAGE}"])
def test_nothing_is_written_into_a_stream(url: str, wrong: str) -> None:
    """The stream goes on, and ends with the client."""
    run = created(url)
    key = "Host: localhost\r\nX-API-Key: test-behind\r\n"
    stream = f"GET {RUNS}/{run}/events HTTP/1.1\r\n{key}\r\n"
    with connect(url) as connection:
        connection.sendall(stream.encode())
        found = b""
        while b"run.created" not in found:
            found += connection.recv(65_536)
        connection.sendall(wrong.encode())
        with connect(url) as other:
            cancel = f"POST {RUNS}/{run}/cancel HTTP/1.1\r\n{key}Content-Length: 0\r\n"
            other.sendall(f"{cancel}Connection: close\r\n\r\n".encode())
            assert raw_http.read(other).startswith(b"HTTP/1.1 200")
        while b"0\r\n\r\n" not in found:
            piece = connection.recv(65_536)
            assert piece, found
            found += piece
        stream_part, _, _ = found.partition(b"\r\n0\r\n\r\n")
        assert stream_part.count(b"HTTP/1.1 ") == 1


def test_a_head_behind_another_request_has_the_same_bound(url: str) -> None:
    for behind in ("", f"{HEAD}\r\n"):
        for size, status in ((64_000, b"200"), (66_000, b"431")):
            connection = connect(url)
            large = f"{HEAD}X-Pad: {'x' * size}\r\nConnection: close\r\n\r\n"
            connection.sendall(f"{behind}{large}".encode())
            assert raw_http.read(connection).split(b"HTTP/1.1 ")[-1].startswith(status)


@pytest.mark.parametrize("version", ["0.9", "2.0"])
def test_another_version_is_rejected(url: str, version: str) -> None:
    connection = connect(url)
    connection.sendall(HEAD.replace("HTTP/1.1", f"HTTP/{version}").encode() + b"\r\n")
    assert raw_http.read(connection).startswith(b"HTTP/1.1 505 ")
