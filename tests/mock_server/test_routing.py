"""Methods and paths: HEAD, OPTIONS, redirects, encoded slashes."""

from urllib.parse import urljoin

import httpx2
import pytest
import raw_http

from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"


@pytest.fixture
def finished(mock_world: MockWorld) -> str:
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    return run_id


@pytest.mark.parametrize(
    "path",
    [
        RUNS,
        f"{RUNS}?limit=0",
        f"{RUNS}?limit=x",
        f"{RUNS}/{ID}",
        f"{RUNS}/FINISHED",
        f"{RUNS}/FINISHED/steps",
        "/_mock/health",
        "/_mock/ready",
        "/_mock/clock",
        "/_mock/worlds",
        "/_mock/scenarios",
        "/_mock/faults",
        "/_mock/requests",
        "/_mock/coverage",
        "/_mock/metrics",
        "/_mock/state",
        "/_mock/openapi.yaml",
        "/openapi.json",
        "/docs",
        "/",
        "/nowhere",
    ],
)
def test_head_is_get_without_a_body(mock_world: MockWorld, finished: str, path: str) -> None:
    """The status code and the media type are those of GET."""
    path = path.replace("FINISHED", finished)
    head, body = raw_http.answer(mock_world, path, "HEAD")
    got = mock_world.client.get(path)
    assert head.startswith(b"HTTP/1.1 %d " % got.status_code)
    assert body == b""
    assert f"content-type: {got.headers['content-type']}".encode() in head.lower()


def test_head_does_not_open_a_stream(mock_world: MockWorld) -> None:
    """A stream of a run in progress would never end."""
    run_id = mock_world.create("hang")
    head, body = raw_http.answer(mock_world, f"{RUNS}/{run_id}/events", "HEAD")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-type: text/event-stream; charset=utf-8" in head
    assert body == b""
    entry = mock_world.control("requests", "GET", operation="streamRunEvents")["items"][0]
    assert (entry["method"], entry["bytesSent"], entry["stream"]) == ("HEAD", 0, "ended")
    head, _ = raw_http.answer(mock_world, f"{RUNS}/{ID}/events", "HEAD")
    assert head.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        (RUNS, "GET, HEAD, OPTIONS"),
        (f"{RUNS}/{ID}", "GET, HEAD, OPTIONS"),
        (f"{RUNS}/{ID}/events", "GET, HEAD, OPTIONS"),
        (f"{RUNS}/{ID}/cancel", "OPTIONS, POST"),
        ("/_mock/faults", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("/_mock/health", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_lists_the_methods(anonymous: httpx2.Client, path: str, allow: str) -> None:
    """Without a credential: the document lists them as well."""
    answer = anonymous.options(path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allow, b"")


def test_options_of_the_server(mock_world: MockWorld) -> None:
    """``*`` asks for the methods of the server."""
    head, _ = raw_http.answer(mock_world, "*", "OPTIONS")
    assert head.startswith(b"HTTP/1.1 204 ")
    assert b"allow: DELETE, GET, HEAD, OPTIONS, POST, PUT" in head
    head, _ = raw_http.answer(mock_world, "*", "GET")
    assert head.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "path", [f"{RUNS}/", f"{RUNS}/?limit=0&x=%2F", f"{RUNS}/{ID}/", f"{RUNS}/{ID}/steps/"]
)
@pytest.mark.parametrize("prefix", ["http://one.test", "https://two.test/below/a/prefix"])
def test_a_trailing_slash_redirects_relatively(
    mock_world: MockWorld, path: str, prefix: str
) -> None:
    """The client reaches the resource at whatever origin and prefix it has used."""
    answer = mock_world.client.get(path)
    assert answer.status_code == 307
    location = answer.headers["location"]
    assert "://" not in location
    assert not location.startswith("/")
    bare, _, query = path.partition("?")
    expected = prefix + bare.rstrip("/") + ("?" if query else "") + query
    assert urljoin(prefix + path, location) == expected


@pytest.mark.parametrize(
    ("method", "slashes"),
    [
        ("GET", "//"), ("GET", "///"), ("GET", "//?limit=0"), ("GET", "/./"), ("GET", "/../"),
        ("HEAD", "//"), ("POST", "//"), ("OPTIONS", "//"),
    ],
)  # fmt: skip
def test_several_trailing_slashes_are_another_path(
    mock_world: MockWorld, method: str, slashes: str
) -> None:
    """An unknown one: only a single slash redirects, and never to an absolute URL."""
    for path in (
        RUNS, f"{RUNS}/{ID}", f"{RUNS}/{ID}/events", f"{RUNS}/{ID}/cancel", "/api/v1", "/api",
        "/_mock/health", "/_mock/requests/1", "/_mock/repro/x", "/_mock", "/docs", "/openapi.json",
        "/static", "/nowhere",
    ):  # fmt: skip
        head, _ = raw_http.answer(mock_world, path + slashes, method)
        assert head.startswith(b"HTTP/1.1 404 "), (path, head)
        assert b"location:" not in head.lower()


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        (f"{RUNS}/RUN%2Fsteps", {422}),
        (f"{RUNS}/RUN%2fsteps", {422}),
        (f"{RUNS}/RUN%2Fsteps/steps", {422}),
        (f"{RUNS}/%2F", {422}),
        (f"{RUNS}%2FRUN", {404}),
        ("/api%2Fv1/automation-runs", {404}),
        ("%2Fapi/v1/automation-runs", {400, 404}),
        (f"{RUNS}/RUN%252Fsteps", {422}),
        (f"{RUNS}/RUN/%2e%2e%2fsteps", {404}),
        ("/_mock%2Fhealth", {403, 404}),
        ("/docs%2F", {404}),
        (f"{RUNS}/RUN%3Fx", {422}),
        (f"{RUNS}/RUN%5Csteps", {422}),
    ],
)
def test_an_encoded_slash_is_data(
    mock_world: MockWorld, finished: str, path: str, statuses: set[int]
) -> None:
    """It does not separate segments."""
    head, _ = raw_http.answer(mock_world, path.replace("RUN", finished))
    assert int(head.split()[1]) in statuses


def test_an_encoded_letter_is_a_letter(mock_world: MockWorld, finished: str) -> None:
    """Other escapes do not change the resource."""
    head, _ = raw_http.answer(mock_world, f"{RUNS}/{finished}/%73teps")
    assert head.startswith(b"HTTP/1.1 200 ")
