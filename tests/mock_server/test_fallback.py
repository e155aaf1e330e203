"""Requests that are for a real backend are passed on to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from ports import free_port
from real_backend import PATIENCE, Incoming, RealBackend, respond

from mock_server.engine.enums import Operation
from mock_server.settings import Fallback, Settings
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"
THEIRS = "5b0e6f0a-7d0c-4a44-9a58-8f2e5a5d0c11"
KEY = "test-fallback"


@pytest.fixture
def backend(shared: RealBackend) -> RealBackend:
    """The backend, as new."""
    shared.requests.clear()
    shared.handle = respond
    return shared


@pytest.fixture(scope="module")
def shared() -> Iterator[RealBackend]:
    """One backend for all tests."""
    found = RealBackend()
    yield found
    found.close()


@pytest.fixture(scope="module")
def world(shared: RealBackend) -> Iterator[MockWorld]:
    """A world of a mock that passes cancels on, and what belongs to some runs."""
    fallback = Fallback(
        f"{shared.url}/base", frozenset({Operation.CANCEL_RUN}), ("prod-*", "0000*")
    )
    settings = Settings(fallback=fallback, start="empty", scale=0)
    with serving(settings) as url, MockWorld(url, KEY, start="empty", scale=0) as found:
        yield found


@contextmanager
def mock_of(url: str) -> Iterator[httpx2.Client]:
    """A client of a mock with that backend."""
    settings, headers = Settings(fallback=Fallback(url), start="empty"), {"X-API-Key": KEY}
    with (
        serving(settings) as address,
        httpx2.Client(base_url=address, headers=headers, verify=False) as client,
    ):
        yield client


class TestSelection:
    """Which requests are passed on."""

    def test_a_run_of_the_world_is_played(self, world: MockWorld, backend: RealBackend) -> None:
        """And so is the list."""
        run = world.create("quick-success")
        for path in ("", f"/{run}", f"/{run.upper()}", f"/{run}/steps"):
            assert world.client.get(f"{RUNS}{path}").status_code == 200
        assert world.client.post(f"{RUNS}/{run}/retry").status_code == 409
        assert backend.requests == []

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", f"/{THEIRS}"),
            ("HEAD", f"/{THEIRS}"),
            ("GET", f"/{THEIRS}/steps"),
            ("GET", f"/{THEIRS}/events"),
            ("POST", f"/{THEIRS}/retry"),
            ("POST", f"/{THEIRS}/cancel"),
            ("GET", "/4711"),
            ("GET", "/prod-1/steps"),
        ],
    )
    def test_a_run_that_the_world_does_not_have_is_passed_on(
        self, world: MockWorld, backend: RealBackend, method: str, path: str
    ) -> None:
        """With method, path and query as they are, below the path of the backend."""
        found = world.client.request(method, f"{RUNS}{path}?a=%20b&a=c")
        assert found.status_code == 200
        assert method == "HEAD" or found.json() == {"theirs": True}
        (request,) = backend.requests
        assert request.line == f"{method} /base{RUNS}{path}?a=%20b&a=c HTTP/1.1"

    def test_an_operation_is_passed_on_for_every_run(
        self, world: MockWorld, backend: RealBackend
    ) -> None:
        """Also for one that the world has, which does not change."""
        run = world.create("hang")
        assert world.client.post(f"{RUNS}/{run}/cancel").json() == {"theirs": True}
        assert world.run(run)["status"] == "pending"
        assert len(backend.requests) == 1

    def test_without_a_credential_the_mock_responds(
        self, world: MockWorld, backend: RealBackend
    ) -> None:
        """It cannot know whose run it is; what is named is passed on all the same."""
        with httpx2.Client(base_url=world.base_url, verify=False) as anonymous:
            assert anonymous.get(f"{RUNS}/{THEIRS}").status_code == 401
            assert backend.requests == []
            assert anonymous.get(f"{RUNS}/prod-7").json() == {"theirs": True}
        assert "x-api-key" not in backend.requests[0].headers

    def test_other_paths_are_the_mocks(self, world: MockWorld, backend: RealBackend) -> None:
        """Unknown ones, and its own."""
        for path in ("/api/v1/other", f"{RUNS}/{THEIRS}/other", f"{RUNS}/{THEIRS}/"):
            assert world.client.get(path).status_code in (307, 404)
        assert world.client.get("/_mock/clock").status_code == 200
        assert world.client.put(f"{RUNS}/{THEIRS}").status_code == 405
        for run_id in ("%2e%2e", "%2E", "..%2f..%2fother"):
            for suffix in ("", "/steps"):
                found = world.client.get(f"{RUNS}/{run_id}{suffix}")
                assert found.status_code == 422
        assert backend.requests == []


class TestHeaders:
    """What the backend gets, and the client."""

    def test_what_is_for_one_hop_stays_there(self, world: MockWorld, backend: RealBackend) -> None:
        """And what is for the mock; credentials and the rest are passed on."""
        headers = {
            "Authorization": "Bearer mine", "X-API-Key": KEY, "X-Mock-Token": "t",
            "Cookie": "vai_token=c; runs_mock_control=s; a=b", "Connection": "close, X-Hop",
            "X-Hop": "1", "TE": "trailers", "Accept-Encoding": "br", "X-Mine": "2",
        }  # fmt: skip
        world.client.post(f"{RUNS}/prod-1/retry", json={"mode": "full"}, headers=headers)
        (request,) = backend.requests
        assert request.body == b'{"mode":"full"}'
        assert request.headers == {
            "authorization": "Bearer mine", "x-api-key": KEY, "cookie": "vai_token=c; a=b",
            "accept": "*/*", "accept-encoding": "br", "x-mine": "2", "x-mock-fallback": "1",
            "content-type": "application/json", "content-length": "15",
            "host": backend.url.removeprefix("http://"),
            "user-agent": world.client.headers["user-agent"],
        }  # fmt: skip

    def test_a_response_is_as_the_backend_sent_it(
        self, world: MockWorld, backend: RealBackend
    ) -> None:
        """Errors too; addresses lead to the mock, and CORS is the mock's own."""
        backend.handle = lambda request: respond(
            request, "404 Not Found", b"gone", "Content-Type: text/x", "X-Theirs: 1", "x-theirs: 2",
            f"Location: {backend.url}/base/x", "Set-Cookie: a=b; Domain=real.test; Path=/",
            "Access-Control-Allow-Origin: *", "Keep-Alive: timeout=5", "Date: never",
        )  # fmt: skip
        origin = {"Origin": "http://localhost:3000"}
        found = world.client.get(f"{RUNS}/prod-1", headers=origin)
        assert (found.status_code, found.content) == (404, b"gone")
        assert found.headers.get_list("x-theirs") == ["1", "2"]
        assert found.headers["location"] == "/x"
        assert found.headers["set-cookie"] == "a=b; Path=/"
        assert found.headers.get_list("access-control-allow-origin") == ["http://localhost:3000"]
        assert "keep-alive" not in found.headers
        assert len(found.headers.get_list("date")) == 1
        assert "never" not in found.headers["date"]

    def test_a_redirect_is_not_followed(self, world: MockWorld, backend: RealBackend) -> None:
        """The credential goes to no other address."""
        backend.handle = lambda request: respond(
            request, "307 Temporary Redirect", b"", "Location: http://127.0.0.1:1/elsewhere"
        )
        found = world.client.get(f"{RUNS}/prod-1")
        assert found.status_code == 307
        assert found.headers["location"] == "http://127.0.0.1:1/elsewhere"
        assert len(backend.requests) == 1

    def test_a_compressed_body_stays_so(self, world: MockWorld, backend: RealBackend) -> None:
        """It is passed on byte for byte."""
        backend.handle = lambda request: respond(
            request, "200 OK", b"\x1f\x8b-no-gzip", "Content-Encoding: gzip"
        )
        with world.client.stream("GET", f"{RUNS}/prod-1") as found:
            assert b"".join(found.iter_raw()) == b"\x1f\x8b-no-gzip"


class TestStreams:
    """Event streams of the backend."""

    def test_an_event_is_passed_on_when_it_comes(
        self, world: MockWorld, backend: RealBackend
    ) -> None:
        """The next one is sent only after the client has the first."""
        go_on = threading.Event()

        def handle(request: Incoming) -> None:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            request.send(head + b"Transfer-Encoding: chunked\r\n\r\n", b"9\r\ndata: 1\n\n\r\n")
            assert go_on.wait(PATIENCE)
            request.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

        backend.handle = handle
        headers = {"Last-Event-ID": "7"}
        with world.client.stream("GET", f"{RUNS}/prod-1/events", headers=headers) as found:
            chunks = found.iter_raw()
            assert next(chunks) == b"data: 1\n\n"
            go_on.set()
            assert b"".join(chunks) == b"data: 2\n\n"
        assert backend.requests[0].headers["last-event-id"] == "7"

    def test_a_client_that_leaves_ends_the_stream(
        self, world: MockWorld, backend: RealBackend
    ) -> None:
        """The backend sees its connection close."""
        left = threading.Event()

        def handle(request: Incoming) -> None:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            request.send(head + b"Transfer-Encoding: chunked\r\n\r\n", b"9\r\ndata: 1\n\n\r\n")
            if request.connection.recv(1) == b"":
                left.set()

        backend.handle = handle
        with world.client.stream("GET", f"{RUNS}/prod-1/events") as found:
            assert next(found.iter_raw()) == b"data: 1\n\n"
        assert left.wait(PATIENCE)

    def test_a_mock_that_stops_ends_the_stream(self, backend: RealBackend) -> None:
        """It does not wait for the backend."""

        def handle(request: Incoming) -> None:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            request.send(head + b"Transfer-Encoding: chunked\r\n\r\n", b"9\r\ndata: 1\n\n\r\n")
            request.connection.recv(1)

        backend.handle = handle
        with mock_of(backend.url) as client:
            response = client.send(
                client.build_request("GET", f"{RUNS}/{THEIRS}/events"), stream=True
            )
            assert next(response.iter_raw()) == b"data: 1\n\n"
        response.close()


class TestFailures:
    """A backend that does not respond as it should."""

    def test_a_backend_that_is_down_is_named(self) -> None:
        """502 with its address and the reason."""
        down = RealBackend()
        down.close()
        with mock_of(down.url) as client:
            found = client.get(f"{RUNS}/{THEIRS}")
            assert found.status_code == 502
            assert found.headers["content-type"] == "application/problem+json"
            detail = found.json()["detail"]
            assert detail.startswith(f"The backend {down.url} cannot be reached: ")
            (entry,) = client.get("/_mock/requests").json()["items"]
            assert (entry["status"], entry["reason"]) == (502, detail)

    @pytest.mark.parametrize("sent", [b"", b"no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nX"])
    def test_what_is_not_a_response(
        self, world: MockWorld, backend: RealBackend, sent: bytes
    ) -> None:
        """502 with the reason."""

        def handle(request: Incoming) -> None:
            request.send(sent)
            raise ConnectionError

        backend.handle = handle
        found = world.client.get(f"{RUNS}/prod-1")
        assert found.status_code == 502
        assert "broke off: " in found.json()["detail"]

    @pytest.mark.parametrize(
        ("head", "why"),
        [
            (b"600 Beyond", "a status code from 200 to 599, got 600"),
            (b"999 Odd", "a status code from 200 to 599, got 999"),
            (b"200 OK\r\nX-Odd: a\x01b", "header fields without control characters"),
        ],
    )
    def test_what_http_does_not_allow(
        self, world: MockWorld, backend: RealBackend, head: bytes, why: str
    ) -> None:
        """502 with the reason, and one entry in the journal."""
        world.control("reset", start="empty")
        backend.handle = lambda request: request.send(
            b"HTTP/1.1 " + head + b"\r\nContent-Length: 0\r\n\r\n"
        )
        found = world.client.get(f"{RUNS}/prod-1")
        assert found.status_code == 502
        assert f"sent a response that cannot be passed on: expected {why}" in found.json()["detail"]
        (entry,) = world.client.get("/_mock/requests").json()["items"]
        assert (entry["status"], entry["reason"]) == (502, found.json()["detail"])

    @pytest.mark.parametrize("length", [b"1", b"100"])
    def test_chunks_decide_on_the_length(
        self, world: MockWorld, backend: RealBackend, length: bytes
    ) -> None:
        """Whatever Content-Length says, which is not passed on."""
        world.control("reset", start="empty")
        backend.handle = lambda request: request.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: " + length,
            b"\r\n\r\n4\r\nfour\r\n0\r\n\r\n",
        )
        found = world.client.get(f"{RUNS}/prod-1")
        assert found.content == b"four"
        assert "content-length" not in found.headers
        assert len(world.client.get("/_mock/requests").json()["items"]) == 1

    def test_a_response_that_breaks_off_breaks_off(
        self, world: MockWorld, backend: RealBackend
    ) -> None:
        """The client does not take a part of it for all."""

        def handle(request: Incoming) -> None:
            request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            raise ConnectionError

        backend.handle = handle
        with pytest.raises(httpx2.RemoteProtocolError):
            world.client.get(f"{RUNS}/prod-1")

    def test_a_large_body_is_rejected(self, world: MockWorld, backend: RealBackend) -> None:
        """413, before the backend gets any of it."""
        found = world.client.post(f"{RUNS}/prod-1/retry", content=b"x" * (8 * 1_048_576 + 1))
        assert found.status_code == 413
        assert backend.requests == []

    def test_two_mocks_form_no_circle(self) -> None:
        """The one that is asked again says so."""
        port = free_port()
        settings = Settings(fallback=Fallback(f"http://127.0.0.1:{port}"), start="empty")
        with serving(settings, port=port) as url:
            found = httpx2.get(f"{url}{RUNS}/{THEIRS}", headers={"X-API-Key": KEY}, verify=False)
            assert found.status_code == 502
            assert "name another with --fallback" in found.text


def test_the_journal_marks_what_was_passed_on(world: MockWorld, backend: RealBackend) -> None:
    """Next to the rest, with its operation and body, and without the credential."""
    world.control("reset", start="empty")
    run = world.create("hang")
    world.client.get(f"{RUNS}/{run}")
    world.client.post(f"{RUNS}/{run}/cancel", json={"reason": "mine"})
    world.client.get(f"{RUNS}/{THEIRS}")
    items: list[Any] = world.client.get("/_mock/requests").json()["items"]
    shown = [(one["operation"], one["status"], one["backend"], one["tenant"]) for one in items]
    assert shown == [
        ("getRun", 200, f"{backend.url}/base", KEY),
        ("cancelRun", 200, f"{backend.url}/base", KEY),
        ("getRun", 200, None, KEY),
    ]
    assert items[1]["body"] == '{"reason":"mine"}'
    assert items[1]["bytesSent"] == len(json.dumps({"theirs": True}, separators=(",", ":")))
