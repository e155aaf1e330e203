"""Messages are found wherever the network cuts them, and no byte is lost or changed."""

from __future__ import annotations

import time
from collections import deque

import pytest

from conformance.proxy.addresses import Target, to_client, to_target
from conformance.proxy.framing import Body, End, Framer, Head, HeadTooLarge, Opaque, Part

REQUESTS = (
    b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    b"\r\nGET /b HTTP/1.1\nHost: x\n\n"
    b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    b"3;x=y\r\nabc\r\n00\r\nT: v\r\nU: w\r\n\r\n"
    b"GET /d HTTP/1.1\r\nHost: x\r\n\r\n"
)
RESPONSES = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!"
    b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n"
    b"HTTP/1.0 200 OK\r\n\r\nthe rest, HTTP/1.1 200 OK\r\n\r\n"
)


def seen(parts: list[Part]) -> list[tuple[str, bytes]]:
    """Return first lines and contents, in order."""
    found: list[tuple[str, bytes]] = []
    for part in parts:
        match part:
            case Head():
                found.append(("head", part.raw.strip().split(b"\n")[0].strip()))
            case Body() if found[-1][0] == "body":
                found[-1] = ("body", found[-1][1] + part.data)
            case Body() if part.data:
                found.append(("body", part.data))
            case End():
                found.append(("end", b""))
            case Opaque():
                found.append(("opaque", part.raw))
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 10_000])
def test_messages_are_found_however_they_are_cut(size: int) -> None:
    """Of both directions, of every kind of end."""
    for data, methods in (
        (REQUESTS, None),
        (RESPONSES, deque(["GET", "HEAD", "GET", "GET", "GET"])),
    ):
        framer = Framer(methods=methods)
        parts = [
            part
            for start in range(0, len(data), size)
            for part in framer.feed(data[start : start + size])
        ]
        parts += framer.finish()
        assert b"".join(part.raw for part in parts) == data
        heads = [text for kind, text in seen(parts) if kind == "head"]
        bodies = [text for kind, text in seen(parts) if kind == "body"]
        assert sum(kind == "end" for kind, _ in seen(parts)) == len(heads)
        if methods is None:
            assert [head.split()[1] for head in heads] == [b"/a", b"/b", b"/c", b"/d"]
            assert bodies == [b"abc", b"abc"]
        else:
            assert [head.split()[1] for head in heads] == [
                b"100",
                *[b"200"] * 2,
                b"304",
                *[b"200"] * 2,
            ]
            assert bodies == [b"!", b"hello", b"the rest, HTTP/1.1 200 OK\r\n\r\n"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x16\x03\x01", "it is not an HTTP/1.1 message"),
        (b"GET / HTTP/2.0\r\n\r\n", "its first line is 'GET / HTTP/2.0'"),
        (b"GET / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n", "its Content-Length is '1, 2'"),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "its Content-Length is '-1'"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n", "its Transfer-Encoding is 'x'"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "a chunk begins with"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", "a chunk is longer than"),
    ],
)
def test_what_has_no_known_end_is_opaque(data: bytes, why: str) -> None:
    """From there on bytes are passed on as they are."""
    framer = Framer()
    parts = [*framer.feed(data), *framer.feed(b"GET / HTTP/1.1\r\n\r\n")]
    assert b"".join(part.raw for part in parts) == data + b"GET / HTTP/1.1\r\n\r\n"
    opaque = [part for part in parts if isinstance(part, Opaque)]
    assert why in opaque[0].why
    assert parts[-1] == Opaque(b"GET / HTTP/1.1\r\n\r\n", opaque[0].why)


def test_a_head_is_bounded() -> None:
    """That of a request; a response goes on as it is."""
    with pytest.raises(HeadTooLarge):
        Framer().feed(b"GET / HTTP/1.1\r\nX: " + b"x" * 1_100_000)
    framer = Framer(methods=deque(["GET"]))
    (part,) = framer.feed(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_100_000)
    assert isinstance(part, Opaque)


def test_deviations_are_named() -> None:
    """Those that do not hide where the message ends."""
    (head, _) = Framer().feed(b"GET / HTTP/1.1\r\nBad Name: x\r\nA: b\r\n c\r\n\r\n")
    assert isinstance(head, Head)
    assert head.values(b"a") == [b"b c"]
    assert [fault.partition(" '")[0] for fault in head.faults] == [
        "the header field",
        "a header field continues on another line",
        "it has 0 Host header fields",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        b"A: x" + b" " * 900_000 + b"x\r\n",
        b"A:" + b" \t" * 450_000 + b"\r\n",
        b"A: x\r\n" + b" \r\n" * 300_000,
        b"A" * 900_000 + b"\r\n",
        b"\r" * 900_000 + b"\r\n",
        b"Set-Cookie: a=b" + b"; " * 450_000 + b"\r\n",
    ],
    ids=["blanks within", "blanks only", "many continued", "no colon", "bare CR", "attributes"],
)
def test_a_large_head_takes_milliseconds(lines: bytes) -> None:
    """The relay is one process for all clients. Where time is the square of the size, it is
    minutes."""
    target = Target("http", "localhost", 80)
    start = time.process_time()
    framer = Framer()
    [request, *_] = framer.feed(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n")
    if isinstance(request, Head):
        to_target(request, target, "127.0.0.1")
    [response, *_] = Framer(methods=deque(["GET"])).feed(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n")
    if isinstance(response, Head):
        to_client(response, target, b"localhost")
    assert time.process_time() - start < 5
