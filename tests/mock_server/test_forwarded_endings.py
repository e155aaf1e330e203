"""How a forwarded response ends: in pieces, too early, or with a client that leaves."""

import sys
from contextlib import suppress

import pytest
from forwarding_pair import SECRET, Pair, raw, request, until_closed

from mock_server.cluster.endings import Endings
from mock_server.settings import ConnectionLimits
from mock_server.testing import RUNS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")

MARK = Endings(SECRET).close
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart"


@pytest.mark.parametrize("cut", [1, 2, 9, len(MARK) - 1])
def test_no_part_of_a_mark_reaches_the_client(pair: Pair, cut: int) -> None:
    """Also where it comes in two pieces: it contains the secret of the peers."""
    with raw(pair, request(RUNS, route="rude")) as client:
        upstream, _ = pair.rude.accept()
        with upstream:
            upstream.recv(65_536)
            upstream.sendall(HEAD + MARK[:cut])
            found = b""
            while len(found) < len(HEAD):
                found += client.recv(65_536)
            upstream.sendall(MARK[cut:])
            found += until_closed(client)
    assert found == HEAD


@pytest.mark.parametrize("seeming", [b"\0", MARK[:5], MARK[:5] + MARK[:5], MARK[:-1]])
def test_a_body_that_only_seems_to_contain_a_mark_arrives(pair: Pair, seeming: bytes) -> None:
    rest = b"x" * (96 - len(seeming))
    with raw(pair, request(RUNS, route="rude")) as client:
        upstream, _ = pair.rude.accept()
        with upstream:
            upstream.recv(65_536)
            upstream.sendall(HEAD + seeming)
            found = b""
            while len(found) < len(HEAD):
                found += client.recv(65_536)
            upstream.sendall(rest)
            found += until_closed(client)
    assert found == HEAD + seeming + rest


@pytest.mark.parametrize("length", [b"content-length: 5\r\n", b""])
def test_a_body_may_end_with_the_first_byte_of_a_mark(pair: Pair, length: bytes) -> None:
    """Whether its length is known, or it ends with the connection."""
    said = b"HTTP/1.1 200 OK\r\n%b\r\nbody\0" % length
    with raw(pair, request(RUNS, route="rude")) as client:
        upstream, _ = pair.rude.accept()
        with upstream:
            upstream.recv(65_536)
            upstream.sendall(said)
            if length:  # The connection of the owner stays open.
                assert client.recv(65_536) == said
        if not length:
            assert until_closed(client) == said


def test_a_fault_ends_a_request_whose_body_still_arrives(pair: Pair) -> None:
    """The owner has not read all of it when it ends the connection."""
    run = pair.entry.get(RUNS).json()["items"][0]["id"]
    added = pair.entry.post("/_mock/faults", json={"drop": {}, "count": 40})
    assert added.status_code == 201, added.text
    piece = b"x" * 10_000
    head = request(f"{RUNS}/{run}/cancel", "POST", fields=(f"Content-Length: {len(piece) * 6}",))
    for _ in range(40):
        # Its own end can be a reset, by what it has sent after that.
        with raw(pair, head) as client, suppress(ConnectionError):
            for _ in range(6):
                client.sendall(piece)
            assert until_closed(client) == b""
    assert pair.entry.get(f"{RUNS}/{run}").status_code == 200


def test_a_forwarded_head_has_the_bounds_of_its_client(pair: Pair) -> None:
    """The field that is added to it does not count."""
    limits = ConnectionLimits()
    few = request(RUNS).count(b"\r\n") - 2
    for more, status in ((0, b"200"), (1, b"431")):
        pads = [f"X-Pad-{number}: x" for number in range(limits.header_count - few + more)]
        with raw(pair, request(RUNS, fields=("Connection: close", *pads))) as client:
            assert until_closed(client).startswith(b"HTTP/1.1 %b " % status)
    others = len(request(RUNS, fields=("Connection: close", "X-Pad: ")))
    for pad, status in ((limits.head_bytes - others, b"200"), (limits.head_bytes, b"431")):
        fields = ("Connection: close", f"X-Pad: {'x' * pad}")
        with raw(pair, request(RUNS, fields=fields)) as client:
            assert until_closed(client).startswith(b"HTTP/1.1 %b " % status)
