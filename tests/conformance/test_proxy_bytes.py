"""What the client and the target exchange through the proxy is what they exchange without it, byte
for byte, but for the addresses that the proxy translates."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from relaying import RawServer, dial, proxy_process, read_all, without_edits

HOST = b"Host: 127.0.0.1:PORT\r\n"
# A name, the request, what it ends with and how often, and the response.
CASES: list[tuple[str, bytes, bytes, int, bytes]] = [
    (
        "length",
        b"GET /a?b=%2f&c HTTP/1.1\r\n" + HOST + b"aCcEpT:  */*  \r\nX-Two: 1\r\nx-two: 2\r\n\r\n",
        b"\r\n\r\n",
        1,
        b"HTTP/1.1 200 Fine, thanks\r\ncontent-LENGTH: 5\r\nX: \xff\r\n\r\n\x00\xff\r\n!",
    ),
    (
        "chunks and trailers",
        b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTrailer: T\r\n\r\n"
        b"5;name=value\r\nhello\r\n0\r\nT: end\r\n\r\n",
        b"T: end\r\n\r\n",
        1,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
        b'00A;x="y"\r\n0123456789\r\n1\r\n\n\r\n0\r\nDigest: abc\r\nOther: 1\r\n\r\n',
    ),
    (
        "until the end",
        b"GET / HTTP/1.0\r\n" + HOST + b"\r\n",
        b"\r\n\r\n",
        1,
        b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nno length, " * 1_000,
    ),
    (
        "continue and hints",
        b"PUT /x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        b"abc",
        1,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "no content",
        b"HEAD /1 HTTP/1.1\r\n" + HOST + b"\r\nGET /2 HTTP/1.1\r\n" + HOST + b"\r\n"
        b"GET /3 HTTP/1.1\r\n" + HOST + b"\r\nGET /4 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\r\n\r\n",
        4,
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast",
    ),
    (
        "large head",
        b"GET / HTTP/1.1\r\n"
        + HOST
        + b"".join(b"X-%d: %s\r\n" % (n, b"v" * 900) for n in range(200))
        + b"\r\n",
        b"\r\n\r\n",
        1,
        b"HTTP/1.1 200 OK\r\nSet-Cookie: " + b"c" * 150_000 + b"\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "unusual lines",
        b"\r\nGET / HTTP/1.1\n" + HOST + b"Folded: a\r\n b\r\nNo Field\r\nEmpty:\r\n\n",
        b"Empty:\r\n",
        1,
        b"HTTP/1.1 200\nContent-Length: 2\n\nok",
    ),
    (
        "no HTTP",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x03\x03",
        1,
        b"\x15\x03\x03\x00\x02\x02\x46",
    ),
]


@pytest.fixture(scope="module")
def target() -> Iterator[RawServer]:
    """A server whose behaviour each test chooses."""
    server = RawServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def relay(target: RawServer) -> Iterator[int]:
    """The port of a proxy before it, in processes of its own."""
    with proxy_process("--target", f"http://127.0.0.1:{target.port}") as (port, _):
        yield port


@pytest.mark.parametrize(
    ("request_", "end", "times", "response"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_bytes_are_the_same(
    target: RawServer, relay: int, request_: bytes, end: bytes, times: int, response: bytes
) -> None:
    """Heads, bodies, chunks, trailers, spelling and order, in both directions."""
    seen = []
    for port in (target.port, relay):

        def behave(line: socket.socket) -> None:
            target.read(line, end, times)
            line.sendall(response)

        target.behave, target.received = behave, []
        with dial(port) as line:
            line.sendall(request_.replace(b"PORT", str(port).encode()))
            seen.append((read_all(line), without_edits(target.received[0], target.port)))
    direct, proxied = seen
    assert proxied[0] == direct[0] == response
    assert proxied[1] == direct[1].replace(b"\r\nGET / HTTP/1.1\n", b"GET / HTTP/1.1\n")


def test_the_request_names_the_target_and_where_it_comes_from(
    target: RawServer, relay: int
) -> None:
    """Host, Origin and Referer name the target; the rest is in X-Forwarded-*."""

    def behave(line: socket.socket) -> None:
        target.read(line, b"\r\n\r\n")
        here = b"http://127.0.0.1:%d" % target.port
        line.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: " + here + b"/next?x=1\r\n"
            b"Access-Control-Allow-Origin: " + here + b"\r\n"
            b"Set-Cookie: a=b; Domain=127.0.0.1; Path=/\r\nLink: <" + here + b">\r\n"
            b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        )

    target.behave, target.received = behave, []
    own, there = b"http://127.0.0.1:%d" % relay, b"http://127.0.0.1:%d" % target.port
    with dial(relay) as line:
        line.sendall(
            b"GET /x HTTP/1.1\r\nHost: " + own[7:] + b"\r\nOrigin: " + own + b"\r\n"
            b"Referer: " + own + b"/page\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n"
        )
        response = read_all(line)
    assert target.received == [
        b"GET /x HTTP/1.1\r\nHost: " + there[7:] + b"\r\nOrigin: " + there + b"\r\n"
        b"Referer: " + there + b"/page\r\nX-Forwarded-For: 10.0.0.1, 127.0.0.1\r\n"
        b"X-Forwarded-Host: " + own[7:] + b"\r\nX-Forwarded-Proto: http\r\n\r\n"
    ]
    assert b"Location: " + own + b"/next?x=1\r\n" in response
    assert b"Access-Control-Allow-Origin: " + own + b"\r\n" in response
    assert b"Set-Cookie: a=b; Path=/\r\n" in response
    assert b"Link: <" + there + b">" in response


def test_a_foreign_origin_stays(target: RawServer, relay: int) -> None:
    """A frontend on another origin needs the CORS headers for that one."""

    def behave(line: socket.socket) -> None:
        target.read(line, b"\r\n\r\n")
        line.sendall(
            b"HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: http://localhost:3000\r\n"
            b"Connection: close\r\n\r\n"
        )

    target.behave, target.received = behave, []
    with dial(relay) as line:
        line.sendall(b"OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: http://localhost:3000\r\n\r\n")
        assert b"Access-Control-Allow-Origin: http://localhost:3000\r\n" in read_all(line)
    assert b"Origin: http://localhost:3000\r\n" in target.received[0]


def test_a_name_of_another_site_is_left_to_the_target(target: RawServer, relay: int) -> None:
    """Its page may have been bound to the address of the proxy; the target sees it by the Host."""
    target.behave, target.received = lambda line: _respond(target, line), []
    with dial(relay) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: evil.example.com:9090\r\n\r\n")
        assert read_all(line).startswith(b"HTTP/1.1 204 ")
    assert b"\r\nHost: evil.example.com:9090\r\n" in target.received[0]


def test_events_come_one_by_one(target: RawServer, relay: int) -> None:
    """Each event arrives before the target sends the next: nothing is buffered."""
    go_on = threading.Semaphore(0)

    def behave(line: socket.socket) -> None:
        target.read(line, b"\r\n\r\n")
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for number in range(3):
            line.sendall(b"data: %d\n\n" % number)
            assert go_on.acquire(timeout=10)

    target.behave = behave
    with dial(relay) as line:
        line.sendall(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
        received = b""
        for number in range(3):
            while b"data: %d\n\n" % number not in received:
                received += line.recv(1_000)
            go_on.release()
        assert line.recv(1_000) == b""


def test_a_client_that_leaves_ends_the_stream(target: RawServer, relay: int) -> None:
    """The target sees the end of the connection, as it would without the proxy."""

    def behave(line: socket.socket) -> None:
        target.read(line, b"\r\n\r\n")
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n")
        assert line.recv(1) == b""

    target.behave = behave
    target.closed.clear()
    with dial(relay) as line:
        line.sendall(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
        while b"hello" not in line.recv(1_000):
            pass
    assert target.closed.wait(10)


def test_a_response_before_the_end_of_the_request(target: RawServer, relay: int) -> None:
    """A target may reject a body before it has come, and close."""

    def behave(line: socket.socket) -> None:
        target.read(line, b"\r\n\r\n")
        line.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
        line.shutdown(socket.SHUT_WR)
        while line.recv(65_536):
            pass

    target.behave = behave
    with dial(relay) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegin")
        assert read_all(line).endswith(b"\r\n\r\nbig")


def test_the_client_may_end_its_side_first(target: RawServer, relay: int) -> None:
    """As `nc` does: the response still comes."""

    def behave(line: socket.socket) -> None:
        target.read(line, b"never")
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    target.behave = behave
    with dial(relay) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        line.shutdown(socket.SHUT_WR)
        assert read_all(line).endswith(b"late")


def test_a_reset_is_a_reset(target: RawServer, relay: int) -> None:
    """An end would make half a response look complete."""

    def behave(line: socket.socket) -> None:
        target.read(line, b"\r\n\r\n")
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        line.recv(1)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    target.behave = behave
    with dial(relay) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        while b"half" not in line.recv(1_000):
            pass
        line.sendall(b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            read_all(line)


def test_protocols_are_switched(target: RawServer, relay: int) -> None:
    """After a 101 both sides speak another protocol, such as that of websockets."""

    def behave(line: socket.socket) -> None:
        target.read(line, b"\r\n\r\n")
        line.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi")
        while data := line.recv(1_000):
            line.sendall(data[::-1])

    target.behave = behave
    with dial(relay) as line:
        line.sendall(
            b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        received = b""
        while not received.endswith(b"\x81\x02hi"):
            received += line.recv(1_000)
        line.sendall(b"\x00GET / HTTP/1.1\r\n\r\n\xff")
        assert line.recv(1_000) == b"\xff\n\r\n\r1.1/PTTH / TEG\x00"


def test_a_head_beyond_all_bounds_is_rejected(relay: int) -> None:
    """The memory of the proxy is bounded."""
    with dial(relay) as line:
        line.sendall(b"GET / HTTP/1.1\r\n" + b"X: " + b"v" * (1024 * 1024 + 70_000))
        head, _, body = read_all(line).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["detail"] == "The first lines of the request exceed 1 MiB."


def _respond(target: RawServer, line: socket.socket) -> None:
    target.read(line, b"\r\n\r\n")
    line.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
