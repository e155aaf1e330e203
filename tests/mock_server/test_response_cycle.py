"""Responses on the wire, also of an application that does not keep its own promises."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock
from urllib.parse import urlsplit

import pytest
import raw_http

from mock_server.app import Mock
from mock_server.server import Server, address, bind
from mock_server.settings import ConnectionLimits

LENGTH = [(b"content-length", b"3")]
CHUNKED = [(b"transfer-encoding", b"chunked")]
Head = tuple[int, list[tuple[bytes, bytes]]]

RESPONSES: dict[str, tuple[Head, list[bytes]]] = {
    "/length": ((200, LENGTH), [b"abc"]),
    "/pieces": ((200, LENGTH), [b"a", b"", b"bc"]),
    "/unknown": ((200, []), [b"abc", b"", b"def"]),
    "/chunked": ((200, CHUNKED), [b"abc", b"def"]),
    "/empty": ((200, []), [b""]),
    "/short": ((200, LENGTH), [b"ab"]),
    "/long": ((200, LENGTH), [b"abcd"]),
    "/204": ((204, []), [b""]),
    "/204-body": ((204, []), [b"abc"]),
    "/304": ((304, LENGTH), [b""]),
    "/304-body": ((304, []), [b"abc"]),
    "/close": ((200, [*LENGTH, (b"connection", b"close")]), [b"abc"]),
    "/Close": ((200, [*LENGTH, (b"connection", b"Close")]), [b"abc"]),
    "/control": ((200, [(b"x", b"a\r\nb: c")]), [b"abc"]),
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Send the response of the path, or what a body says."""
    path = scope["path"]
    if path == "/echo":
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        (status, headers), parts = (200, [(b"content-length", b"%d" % len(body))]), [body]
    elif path == "/raises":
        raise RuntimeError
    else:
        (status, headers), parts = RESPONSES[path]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for number, part in enumerate(parts, 1):
        more = number < len(parts)
        await send({"type": "http.response.body", "body": part, "more_body": more})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The application on the server of the mock."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    settings = SimpleNamespace(limits=ConnectionLimits())
    served = cast(Any, call)
    served.worlds, served.close = SimpleNamespace(settings=settings), lambda: None
    served.stop = AsyncMock()
    ready = threading.Event()
    server = Server(cast(Mock, served), ready.set)
    with bind("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        assert ready.wait(30)
        yield address(listener)
        server.should_exit = True
        thread.join(30)


def ask(url: str, path: str, method: str = "GET", version: str = "1.1") -> bytes:
    """Send a request and another one at once, and return all bytes of both responses."""
    where = urlsplit(url)
    connection = socket.create_connection((where.hostname, where.port), timeout=20)
    heads = [
        f"{method} {path} HTTP/{version}\r\nHost: a\r\n\r\n",
        "GET /length HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ]
    connection.sendall("".join(heads).encode())
    return raw_http.read(connection)


OK = b"HTTP/1.1 200 OK\r\n"
NEXT = OK + b"content-length: 3\r\nconnection: close\r\n\r\nabc"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/length", OK + b"content-length: 3\r\n\r\nabc" + NEXT),
        ("/pieces", OK + b"content-length: 3\r\n\r\nabc" + NEXT),
        (
            "/unknown",
            OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n" + NEXT,
        ),
        (
            "/chunked",
            OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n" + NEXT,
        ),
        ("/empty", OK + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT),
        ("/short", OK + b"content-length: 3\r\n\r\nab"),
        ("/long", OK + b"content-length: 3\r\n\r\n"),
        ("/204", b"HTTP/1.1 204 No Content\r\n\r\n" + NEXT),
        ("/204-body", b"HTTP/1.1 204 No Content\r\n\r\n" + NEXT),
        ("/304", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n" + NEXT),
        ("/304-body", b"HTTP/1.1 304 Not Modified\r\n\r\n" + NEXT),
        ("/close", NEXT),
        ("/Close", NEXT),
    ],
)
def test_a_response_ends_where_its_head_says(url: str, path: str, expected: bytes) -> None:
    """So that the next response on the connection is read as one; else the connection is closed."""
    assert ask(url, path) == expected


@pytest.mark.parametrize("path", ["/length", "/unknown", "/chunked", "/short", "/204-body"])
def test_head_has_no_body(url: str, path: str) -> None:
    """Whatever the application sends."""
    head, _, rest = ask(url, path, "HEAD").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 20")
    assert rest == NEXT


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/length", b"abc"),
        ("/unknown", b"abcdef"),
        ("/chunked", b"abcdef"),
        ("/empty", b""),
        ("/204-body", b""),
    ],
)
def test_http_1_0_has_no_chunks(url: str, path: str, body: bytes) -> None:
    """The end of the connection is the end of the body."""
    head, _, rest = ask(url, path, version="1.0").partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"\r\nconnection: close" in head
    assert rest == body


def test_a_response_that_cannot_be_sent(url: str) -> None:
    """An error before it begins is 500; a header field cannot be split in two."""
    assert ask(url, "/raises").startswith(b"HTTP/1.1 500 ")
    assert ask(url, "/control") == b""


def test_the_rest_of_a_body_is_not_a_request(url: str) -> None:
    """Although the application does not read it."""
    body = "GET /short HTTP/1.1\r\nHost: a\r\n\r\n"
    head = f"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    assert ask(url, "/length", method=f"{head}GET").count(b"HTTP/1.1 ") == 3
    for more in ("", "Connection: upgrade\r\nUpgrade: x\r\n"):
        lines = f"Host: a\r\nTransfer-Encoding: chunked\r\n{more}"
        head = f"POST /echo HTTP/1.1\r\n{lines}\r\n3\r\nabc\r\n0\r\n\r\n"
        expected = OK + b"content-length: 3\r\n\r\nabc"
        assert ask(url, "/length", method=f"{head}GET") == expected + expected + NEXT
