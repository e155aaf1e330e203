"""The headers of responses: dates, Vary, protection of pages."""

from email.utils import parsedate_to_datetime

import httpx2
import pytest
import raw_http
from plain_yaml import parse_yaml

from mock_server.engine.clock import from_text
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
PATHS = [
    RUNS,
    f"{RUNS}?limit=x",
    f"{RUNS}/",
    "/nowhere",
    "/",
    "/docs",
    "/docs/control",
    "/docs/questions",
    "/openapi.json",
    "/static/swagger-ui/swagger-ui.css",
    "/_mock/health",
    "/_mock/clock",
    "/_mock/nowhere",
]


def seconds(date: str) -> int:
    return int(parsedate_to_datetime(date).timestamp())


def world_seconds(world: MockWorld) -> float:
    return from_text(world.control("clock", "GET")["now"]) / 1_000


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", [None, "http://localhost:5173", "https://example.com"])
def test_every_response_varies_by_origin(
    mock_world: MockWorld, path: str, origin: str | None
) -> None:
    """A cache must not hand the response for one origin to another; and each has one date."""
    answer = mock_world.client.get(path, headers={"Origin": origin} if origin else {})
    if "/_mock" not in path or origin != "https://example.com":
        assert answer.status_code in {200, 307, 404, 422}
    vary = [one.strip() for one in answer.headers["vary"].split(",")]
    assert vary.count("Origin") == 1
    assert len(answer.headers.get_list("date")) == 1


def test_a_preflight_and_a_rejected_request_have_a_date(anonymous: httpx2.Client) -> None:
    """Though no layer has seen them."""
    headers = {"Origin": "http://localhost", "Access-Control-Request-Method": "GET"}
    assert seconds(anonymous.options(RUNS, headers=headers).headers["date"])
    assert seconds(anonymous.get(RUNS, headers={"X": "y" * 70_000}).headers["date"])


@pytest.mark.parametrize("advanced", [0, 0.4, 12.6, 86_400])
@pytest.mark.parametrize("start", ["2026-03-02T08:15:00Z", "2031-01-01T00:00:00.900Z"])
def test_dates_agree_on_a_moved_clock(mock_world: MockWorld, start: str, advanced: float) -> None:
    """Date, X-RateLimit-Reset and Retry-After are all the world's."""
    mock_world.control("reset", now=start, runs=0, live=0, scale=0)
    mock_world.control("faults", rateLimit={"limit": 1, "window": "1m"})
    mock_world.advance(advanced)
    for _ in range(2):
        answer = mock_world.client.get(RUNS)
        mock_world.advance(7.3)
    assert answer.status_code == 429
    date, reset = seconds(answer.headers["date"]), int(answer.headers["x-ratelimit-reset"])
    assert date + int(answer.headers["retry-after"]) == reset
    assert date == int(world_seconds(mock_world) - 7.3)
    mock_world.advance(reset - world_seconds(mock_world))
    assert mock_world.client.get(RUNS).status_code == 200


def test_the_date_of_a_stream_is_the_world_s(mock_world: MockWorld) -> None:
    """And that of HEAD, of an error, and by HTTP/1.0."""
    mock_world.control("reset", now="2031-01-01T00:00:00Z", runs=0, live=0, scale=0)
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    for path in (f"{RUNS}/{run_id}/events", RUNS, f"{RUNS}?limit=x"):
        for method in ("GET", "HEAD"):
            head, _ = raw_http.answer(mock_world, path, method)
            assert b"\r\ndate: Wed, 01 Jan 2031 00:01:00 GMT\r\n" in head


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/docs", "/docs/control", "/docs/questions", "/openapi.json", "/openapi.yaml"),
        *("/static/swagger-ui/swagger-ui.css", "/static/docs/badges.js"),
    ],
)
def test_pages_are_protected(anonymous: httpx2.Client, path: str) -> None:
    """Nothing is guessed, embedded or loaded from elsewhere, and no script of others runs."""
    headers = anonymous.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    policy = dict(one.split(" ", 1) for one in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    for kind in ("script-src", "style-src", "connect-src", "form-action"):
        assert policy[kind].startswith("'self'")
        assert "unsafe" not in policy[kind]


@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        ("/openapi.json", ""),
        ("/openapi.yaml", ""),
        ("/_mock/openapi.json", "/_mock"),
        ("/_mock/openapi.yaml", "/_mock"),
    ],
)
def test_a_document_names_the_address_it_is_served_at(
    mock_world: MockWorld, path: str, suffix: str
) -> None:
    """Tools that import it call the mock; behind a proxy, by the address of the proxy."""
    document = parse_yaml(mock_world.client.get(path).text)
    assert document["servers"][0]["url"] == f"{mock_world.base_url}{suffix}"
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "mock.example.org"}
    document = parse_yaml(mock_world.client.get(path, headers=forwarded).text)
    assert document["servers"][0]["url"] == f"https://mock.example.org{suffix}"


def test_the_id_of_a_run_has_an_example(anonymous: httpx2.Client) -> None:
    """An importer that fills the path with it makes a valid request."""
    document = anonymous.get("/openapi.json").json()
    example = document["components"]["parameters"]["RunId"]["example"]
    answer = anonymous.get(f"{RUNS}/{example}", headers={"X-API-Key": "demo"})
    assert answer.status_code == 404
