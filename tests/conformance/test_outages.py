"""Outages are distinct from faults: errors of a gateway in front, connections that are closed, and
a service that restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conformance.assertions.response_rules import error_has_reason
from conformance.client import transport
from conformance.client.connection import Connection
from conformance.client.outages import Outages, is_gateway_error
from conformance.client.recorder import Traffic
from conformance.client.response import Response
from conformance.client.transport import Target
from conformance.errors import Inconclusive, NoResponse
from conformance.redaction import Redactor
from conformance.vocabulary import Untested

PAGE = b"<html><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></html>"
GOOD = 200, "application/json", b'{"items": [], "total": 0}'
GATEWAY = 502, "text/html", PAGE
CLOSED = 0, "", b""
Script = Callable[[str, str, int], tuple[int, str, bytes]]


@contextmanager
def serving(script: Script) -> Iterator[tuple[str, list[str]]]:
    """A server whose responses are `script(method, path, number)`; status 0 closes the connection.
    Gives its address and the requests so far."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            seen.append(f"{self.command} {self.path}")
            status, media_type, body = script(self.command, self.path, len(seen))
            if status:
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            self.close_connection = True

        do_GET = do_POST = handle_any  # noqa: N815 - the names that http.server calls

        def log_message(self, *args: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def target_of(script: Script) -> Iterator[tuple[Target, list[str], Outages, list[Response]]]:
    """A client of such a server, the requests, its outages, and the responses that are judged."""
    outages, judged = Outages(), list[Response]()
    with serving(script) as (address, seen):
        target = Target(
            address,
            Traffic(Redactor.of([], [])),
            timeout=5,
            connection=Connection(),
            observers=[judged.append],
            outages=outages,
        )
        try:
            yield target, seen, outages, judged
        finally:
            target.close()


@pytest.mark.parametrize("met", [GATEWAY, CLOSED], ids=["gateway", "closed"])
def test_a_read_is_sent_again_after_an_outage(met: tuple[int, str, bytes]) -> None:
    """Only the response of the service is judged, and the outage is noted."""
    with target_of(lambda method, path, n: met if n in (2, 3) else GOOD) as (
        target,
        _,
        out,
        judged,
    ):
        assert target.send("GET", "/a").status == 200
        assert target.send("GET", "/a").status == 200
    assert [response.status for response in judged] == [200, 200]
    assert (out.stats.repeated, out.stats.recovered) == (1, 1)
    assert out.stats.notes


def test_a_change_is_not_sent_again_after_an_error_of_a_gateway() -> None:
    """The service may have got it: it is lost, and no failure."""
    with target_of(lambda method, path, n: GATEWAY if n == 2 else GOOD) as (
        target,
        seen,
        out,
        judged,
    ):
        target.send("GET", "/a")
        with pytest.raises(Inconclusive) as caught:
            target.send("POST", "/a/cancel")
    assert caught.value.reason is Untested.LOST
    assert seen == ["GET /a", "POST /a/cancel"]
    assert len(judged) == 1
    assert out.seen == 1


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat requests without a pause."""
    monkeypatch.setattr(transport, "wait", lambda seconds: None)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_requests_that_always_meet_it_meet_a_fault(method: str) -> None:
    """While others get their responses, the service breaks down over this one."""

    def script(method: str, path: str, number: int) -> tuple[int, str, bytes]:
        return GATEWAY if path == "/b/retry" else GOOD

    with target_of(script) as (target, _, _, judged):
        target.send("GET", "/a")
        if method == "POST":
            with pytest.raises(Inconclusive):
                target.send(method, "/b/retry")
        assert target.send(method, "/b/retry").status == 502
    assert judged[-1].status == 502


@pytest.mark.usefixtures("at_once")
def test_a_fault_is_not_repeated_for_ever() -> None:
    """Where it did not help once, such a request is sent once."""
    with target_of(lambda method, path, n: GOOD if path == "/a" else CLOSED) as (
        target,
        seen,
        _,
        _,
    ):
        target.send("GET", "/a")
        for _ in range(2):
            with pytest.raises(NoResponse):
                target.send("GET", "/b/steps")
    assert seen.count("GET /b/steps") == 6 + 1


def test_an_unreachable_target_is_reported_at_once() -> None:
    """What never responded is not waited for."""
    with (
        target_of(lambda method, path, n: CLOSED) as (target, seen, _, _),
        pytest.raises(NoResponse),
    ):
        target.send("GET", "/a")
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("status", "media_type", "body", "by_gateway"),
    [
        (413, "text/html", b"<h1>413</h1>", True),
        (414, "text/html", b"", True),
        (503, "text/plain", b"upstream connect error", True),
        (400, "text/html", PAGE, True),
        (404, "text/html", b"<h1>Not found</h1>", False),
        (404, "text/plain", b"404", False),
        (502, "application/json", b"{}", False),
        (500, "text/html", b"<h1>Internal Server Error</h1>", False),
        (200, "text/html", PAGE, False),
    ],
)
def test_an_error_of_a_gateway_is_known(
    status: int, media_type: str, body: bytes, by_gateway: bool
) -> None:
    """By its status and type, or by the name that it writes into its page; it is not asked for a
    reason in JSON."""
    headers = {"content-type": media_type}
    assert is_gateway_error(status, headers, body) is by_gateway
    response = Response("GET", "http://x", status, headers, body, 0.0, 1)
    judged = error_has_reason(response) is not None
    assert judged is (400 <= status < 500 and not by_gateway)
