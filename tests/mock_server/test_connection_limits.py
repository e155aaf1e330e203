"""Connections over bare sockets: bounds, hosts, upgrades, HTTP/1.0, pipelining."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import raw_http

from mock_server.settings import ConnectionLimits, Settings
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"
LIST = f"GET {RUNS}?limit=0 HTTP/1.1\r\nHost: a\r\nX-API-Key: test-raw\r\n"
CLOSE = "Connection: close\r\n\r\n"
Ask = Callable[..., bytes]


@pytest.fixture
def ask(mock_server_url: str) -> Ask:
    """Send text on a connection and return all bytes until the server closes it."""

    def ask(*parts: str | bytes, url: str = mock_server_url) -> bytes:
        connection = connect(url)
        for part in parts:
            connection.sendall(part.encode("latin-1") if isinstance(part, str) else part)
        return raw_http.read(connection)

    return ask


@pytest.fixture(scope="module")
def hasty() -> Iterator[str]:
    """A mock that waits a moment only."""
    limits = ConnectionLimits(head_seconds=0.2, body_seconds=0.2, idle_seconds=1, connections=20)
    with serving(Settings(start="empty", scale=0, limits=limits)) as url:
        yield url


def connect(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def status(response: bytes) -> int:
    return int(response.split(b" ")[1])


# Hosts.


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("HTTP/1.1\r\nHost: a", 200),
        ("HTTP/1.1\r\nHost: a.b-c_d.test:8080", 200),
        ("HTTP/1.1\r\nHost: [::1]:80", 200),
        ("HTTP/1.1\r\nHost: 127.0.0.1", 200),
        ("HTTP/1.1\r\nhOST: A.TEST.", 200),
        ("HTTP/1.0\r\nX: y", 200),
        ("HTTP/1.0\r\nHost: a", 200),
        ("HTTP/1.1\r\nX: y", 400),
        ("HTTP/1.1\r\nHost: a\r\nHost: a", 400),
        ("HTTP/1.1\r\nHost: a\r\nhost: b", 400),
        ("HTTP/1.0\r\nHost: a\r\nHost: b", 400),
        ("HTTP/1.1\r\nHost:", 400),
        ("HTTP/1.1\r\nHost: a b", 400),
        ("HTTP/1.1\r\nHost: a, b", 400),
        ("HTTP/1.1\r\nHost: a,b", 400),
        ("HTTP/1.1\r\nHost: a;b", 400),
        ("HTTP/1.1\r\nHost: a%41", 400),
        ("HTTP/1.1\r\nHost: a..b", 400),
        ("HTTP/1.1\r\nHost: .", 400),
        ("HTTP/1.1\r\nHost: a@b", 400),
        ("HTTP/1.1\r\nHost: a/b", 400),
        ("HTTP/1.1\r\nHost: http://a", 400),
        ("HTTP/1.1\r\nHost: a:80:80", 400),
        ("HTTP/1.1\r\nHost: a:port", 400),
        ("HTTP/1.1\r\nHost: [::1", 400),
        ("HTTP/1.1\r\nHost: a\xe9", 400),
        ("HTTP/1.1\r\nHost: <script>", 400),
    ],
)
def test_a_request_names_one_host(ask: Ask, head: str, expected: int) -> None:
    """Without, with two and with a malformed one it is invalid, by RFC 9112, section 3.2."""
    response = ask(f"GET {RUNS}?limit=0 {head}\r\nX-API-Key: test-raw\r\n{CLOSE}")
    assert status(response) == expected
    if expected == 400:
        detail = json.loads(response.partition(b"\r\n\r\n")[2])["detail"]
        assert detail.startswith("Host: expected")


@pytest.mark.parametrize("path", ["/_mock/health", "/docs", "/openapi.json", "/nowhere"])
def test_the_pages_and_probes_need_one_host_too(ask: Ask, path: str) -> None:
    """Also those that anyone may read."""
    for host in ("a,b", "a b", "", "a;b"):
        assert status(ask(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{CLOSE}")) == 400


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (f"http://a{RUNS}?limit=0", 200),
        (f"HTTP://127.0.0.1:80{RUNS}?limit=0#x", 200),
        (f"https://[::1]{RUNS}?limit=0", 200),
        (f"http://evil.example{RUNS}?limit=0", 403),
        ("http://evil.example/_mock/clock", 403),
        ("http://localhost/_mock/clock", 200),
        ("http://a.test", 200),
        ("http://a.test?x", 200),
        (f"http://a,b{RUNS}", 400),
        (f"http://u:p@a{RUNS}", 400),
        (f"http://{RUNS}", 400),
        (f"http:{RUNS}", 400),
        (f"ftp://a{RUNS}", 400),
        ("http://a:x/", 400),
        ("a/b", 400),
    ],
)
def test_the_host_of_an_absolute_target_counts(ask: Ask, target: str, expected: int) -> None:
    """Whatever the header says, by RFC 9112, section 3.2.2."""
    for host in ("127.0.0.1", "localhost:1"):
        head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nX-API-Key: test-raw\r\n"
        assert status(ask(head + CLOSE)) == expected
    assert status(ask(f"GET {target} HTTP/1.0\r\nX-API-Key: test-raw\r\n\r\n")) == expected
    # And the header has to be there once.
    assert status(ask(f"GET {target} HTTP/1.1\r\n{CLOSE}")) == 400


def test_links_have_the_host_of_an_absolute_target(ask: Ask) -> None:
    """An upgrade makes no difference."""
    for lines in ("", "Connection: Upgrade, close\r\nUpgrade: h2c\r\n"):
        head = f"GET http://b.test:8/openapi.json HTTP/1.1\r\nHost: a\r\n{lines}{CLOSE}"
        assert b'"servers": [{"url": "http://b.test:8"' in ask(head)


@pytest.mark.parametrize("path", ["/openapi.json", "/_mock/openapi.json", "/openapi.yaml", "/"])
def test_without_a_host_links_have_the_address_of_the_connection(
    ask: Ask, mock_server_url: str, path: str
) -> None:
    """HTTP/1.0 may leave it out."""
    response = ask(f"GET {path} HTTP/1.0\r\n\r\n").decode()
    assert mock_server_url in response
    assert "http:///" not in response
    assert '"http://"' not in response


def test_a_repro_link_without_a_host(mock_world: MockWorld, ask: Ask) -> None:
    """It has the address of the connection, and so does one through a proxy's prefix."""
    for lines, prefix in (("", ""), ("X-Forwarded-Prefix: /p\r\n", "/p")):
        head = f"POST /_mock/repro?world={mock_world.key} HTTP/1.0\r\n{lines}X-Mock: x\r\n\r\n"
        body = json.loads(ask(head).partition(b"\r\n\r\n")[2])
        if "link" in body:  # The control API asks for a host.
            assert body["link"].startswith(f"{mock_world.base_url}{prefix}/_mock/repro/")


# Upgrades.


@pytest.mark.parametrize(
    "lines",
    [
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Upgrade: TLS/1.2\r\nConnection: upgrade\r\n",
        "Upgrade: websocket\r\n",
    ],
)
def test_an_upgrade_is_ignored(ask: Ask, lines: str) -> None:
    """The response is that of the same request without it, and the connection goes on."""
    heads = LIST + lines + "\r\n", LIST + CLOSE
    plain = ask(LIST + "\r\n", LIST + CLOSE)
    assert ask(*heads).count(b"HTTP/1.1 200 OK\r\n") == 2
    assert ask("".join(heads)).count(b"\r\n\r\n" + plain.rpartition(b"\r\n\r\n")[2]) == 2


def test_an_upgrade_is_in_the_journal(mock_world: MockWorld) -> None:
    """With the header that was ignored."""
    lines = ["Connection: Upgrade", "Upgrade: websocket"]
    raw_http.answer(mock_world, f"{RUNS}?limit=0", lines=lines)
    entry = mock_world.control("requests", "GET")["items"][0]
    assert (entry["operation"], entry["status"]) == ("listRuns", 200)
    assert entry["ignored"] == [["header", "Upgrade"]]


def test_the_body_of_an_upgrade_is_read(mock_world: MockWorld) -> None:
    """As curl sends it with --http2."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    answer = mock_world.client.post(
        f"{RUNS}/{run_id}/retry",
        json={"mode": "nonsense"},
        headers={"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings"},
    )
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "mode"]


@pytest.mark.parametrize("target", ["a:443", "/x", "*"])
def test_connect_is_rejected(ask: Ask, target: str) -> None:
    """The mock is not a proxy."""
    assert status(ask(f"CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n")) == 400


# HTTP/1.0.


@pytest.mark.parametrize("path", [RUNS, "/docs", "/_mock/metrics", "/nowhere", f"{RUNS}?limit=x"])
def test_http_1_0_has_whole_responses(ask: Ask, path: str) -> None:
    """The connection is closed after the response."""
    head, _, body = ask(f"GET {path} HTTP/1.0\r\nX-API-Key: test-raw\r\n\r\n").partition(
        b"\r\n\r\n"
    )
    assert b"\r\nconnection: close" in head
    assert b"transfer-encoding" not in head
    assert raw_http.content_length(head) == len(body)


@pytest.mark.parametrize("lines", [[], ["Connection: keep-alive"]])
def test_a_stream_by_http_1_0_has_no_chunks(
    mock_world: MockWorld, ask: Ask, lines: list[str]
) -> None:
    """Its end is the end of the connection."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    head = [f"GET {RUNS}/{run_id}/events HTTP/1.0", f"X-API-Key: {mock_world.key}", *lines]
    head_of_response, _, body = ask("\r\n".join([*head, "", ""])).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head_of_response
    assert b"\r\nconnection: close" in head_of_response
    assert body.startswith(b"retry: 1000\nid: 1\nevent: run.created\ndata: {")
    assert body.endswith(b"}\n\n")
    assert body == mock_world.client.get(f"{RUNS}/{run_id}/events").content


# Pipelining.


@pytest.mark.parametrize("requests", [1, 3])
def test_a_client_that_leaves_with_requests_in_line_is_noticed(
    mock_world: MockWorld, requests: int
) -> None:
    """The stream is released although the clock is frozen and nothing is sent."""
    run_id = mock_world.create("hang")
    connection = raw_http.opened(mock_world, f"{RUNS}/{run_id}/events")
    while b"\nid: 1\n" not in connection.recv(65_536):
        pass
    where = urlsplit(mock_world.base_url).netloc
    line = f"GET {RUNS} HTTP/1.1\r\nHost: {where}\r\nX-API-Key: {mock_world.key}\r\n\r\n"
    connection.sendall((line * requests).encode())
    connection.close()
    deadline = time.monotonic() + 20
    while mock_world.control("requests", "GET")["items"][-1]["stream"] == "open":
        assert time.monotonic() < deadline


def test_pipelined_requests_get_their_responses_in_order(ask: Ask) -> None:
    """However many are sent at once."""
    request = LIST + "\r\n"
    text = "".join(request.replace("limit=0", f"limit=0&n={n}") for n in range(300))
    response = ask(text, LIST + CLOSE)
    assert response.count(b"HTTP/1.1 200 OK") == 301
    numbers = [int(part.split(b"\r\n")[0]) for part in response.split(b"x-mock-request: ")[1:]]
    assert numbers == sorted(numbers)


# Bounds.


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([LIST, "X: y\r\n" * 190, CLOSE], 200),
        ([LIST, "X: " + "y" * 60_000 + "\r\n", CLOSE], 200),
        ([LIST, "X: y\r\n" * 250, CLOSE], 431),
        ([LIST, "X: " + "y" * 70_000 + "\r\n", CLOSE], 431),
        ([LIST, *["X: " + "y" * 1_000 + "\r\n"] * 100, CLOSE], 431),
        ([LIST, "X: ", *["y" * 65_536] * 128], 431),
        ([LIST, *["A: b\r\n" * 10_000] * 50], 431),
        ([LIST, "Y" * 200_000], 431),
        (["GET /", *["a" * 30_000] * 5], 414),
        ([f"GET {RUNS}?x={'a' * 70_000} HTTP/1.1\r\nHost: a\r\n", CLOSE], 414),
        ([f"GET {RUNS}?limit=0&x={'a' * 60_000} HTTP/1.1\r\nHost: a\r\n", CLOSE], 401),
        (["\r\n" * 10, LIST, CLOSE], 200),
    ],
)
def test_a_head_is_bounded(ask: Ask, parts: list[str], expected: int) -> None:
    """In bytes and in fields, however it is cut; the client can read why."""
    try:
        response = ask(*parts)
    except (BrokenPipeError, ConnectionResetError):
        pytest.fail("the connection was reset before the response could be read")
    assert status(response) == expected, response[:300]
    if expected in (414, 431):
        assert b"connection: close" in response
        assert json.loads(response.partition(b"\r\n\r\n")[2])["detail"]


def test_trailers_are_dropped_and_bounded(ask: Ask) -> None:
    """A trailer is not a header field: it carries no credential."""
    head = f"POST {RUNS}/x/cancel HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status(ask(head, "0\r\nX-API-Key: test-raw\r\n\r\n", LIST, CLOSE)) == 401
    head = f"POST {RUNS}/x/retry HTTP/1.1\r\nHost: a\r\nX-API-Key: test-raw\r\n"
    head += "Transfer-Encoding: chunked\r\n\r\n"
    assert status(ask(head, "0\r\nX: ", *["y" * 65_536] * 8)) == 431
    assert status(ask(head, "1;", *["y" * 65_536] * 8)) == 431


def test_a_body_is_not_part_of_the_head(mock_world: MockWorld) -> None:
    """A large body in small pieces is read."""
    pieces = iter([b'{"mode": "full", "x": "', *[b"y" * 1_000] * 300, b'"}'])
    answer = mock_world.client.post(
        f"{RUNS}/497f6eca-6276-4993-bfeb-53cbbbba6f08/retry",
        content=pieces,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "parts",
    [
        ["G"],
        [LIST],
        [LIST, "X: "],
        [LIST + "\r\n", LIST],
        [
            f"POST {RUNS}/x/retry HTTP/1.1\r\nHost: a\r\nX-API-Key: test-raw\r\n",
            "Content-Length: 9\r\n\r\n",
        ],
        [
            f"POST {RUNS}/x/retry HTTP/1.1\r\nHost: a\r\nX-API-Key: test-raw\r\n",
            "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        ],
    ],
)
def test_an_unfinished_request_gets_408(ask: Ask, hasty: str, parts: list[str]) -> None:
    """In its head and in its body, on a new connection and on a used one."""
    response = ask(*parts, url=hasty)
    last = response[response.rindex(b"HTTP/1.1 ") :]
    assert status(last) == 408
    assert b"connection: close" in last


def test_an_unfinished_body_does_nothing(ask: Ask, hasty: str) -> None:
    """A part of a body is not a body."""
    with MockWorld(hasty, "test-half", runs=0, live=0) as world:
        run_id = world.create("quick-success")
        world.advance(60)
        head = f"POST {RUNS}/{run_id}/retry HTTP/1.1\r\nHost: a\r\nX-API-Key: test-half\r\n"
        body = 'Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"mode": "full"}'
        assert status(ask(head + body, url=hasty)) == 408
        assert world.run(run_id)["status"] == "completed"
        entry = world.control("requests", "GET", operation="retryRun")["items"][0]
        assert entry["status"] is None


def test_idle_connections_are_closed(ask: Ask, hasty: str) -> None:
    """Silently, with and without a request before; blank lines are not a request."""
    assert ask(url=hasty) == b""
    assert ask("\r\n", url=hasty) == b""
    assert ask(LIST + "\r\n", url=hasty).count(b"HTTP/1.1 ") == 1


def test_connections_are_limited(hasty: str) -> None:
    """The one too many reads why, and an open one goes on."""
    with ExitStack() as stack:
        opened = [stack.enter_context(connect(hasty)) for _ in range(20)]
        opened[-1].sendall((LIST + "\r\n").encode())
        assert opened[-1].recv(65_536).startswith(b"HTTP/1.1 200 ")
        response = raw_http.read(connect(hasty))
        assert status(response) == 503
        assert b"retry-after: 1" in response
