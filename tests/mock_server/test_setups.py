"""What is around the mock: pages of other origins, proxies, other tokens, faults at the start."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest

from mock_server.app import Mock
from mock_server.errors import UsageError
from mock_server.faults.rules import Rule
from mock_server.settings import Settings
from mock_server.testing import serving

RUNS = "/api/v1/automation-runs"
LIST = f"{RUNS}?limit=0"


@contextmanager
def mock(**settings: Any) -> Iterator[httpx2.Client]:
    """A client of a mock with these settings."""
    with serving(Settings(**settings)) as url, httpx2.Client(base_url=url, verify=False) as client:
        yield client


@pytest.fixture(scope="module")
def around() -> Iterator[httpx2.Client]:
    """A mock with nearly every setting."""
    with mock(
        cors_origins=(
            "http://app.test:3000",
            "https://*.example.org",
            "capacitor://localhost",
            "null",
        ),
        root_path="/mock",
        accept_any_token="test-any",
        world_claim="sub",
        rules=(Rule.model_validate({"rateLimit": {"limit": 1_000}}),),
        start="empty",
    ) as client:
        yield client


@pytest.fixture(autouse=True)
def without_cookies(around: httpx2.Client) -> None:
    """No test leaves a cookie for the next one."""
    around.cookies.clear()


def jwt(**claims: Any) -> str:
    """A token with these claims and a signature that means nothing."""
    parts = ({"alg": "none"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return f"{encoded[0].rstrip('=')}.{encoded[1].rstrip('=')}.c2ln"


# Pages of other origins.


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1", True),
        ("http://app.test:3000", True),
        ("http://app.test", False),
        ("https://app.test:3000", False),
        ("http://app.test:3000.evil.example", False),
        ("https://preview-7.example.org", True),
        ("https://a.b.example.org", True),
        ("https://example.org", False),
        ("https://evil.com/.example.org", False),
        ("https://evilexample.org", False),
        ("capacitor://localhost", True),
        ("tauri://localhost", False),
        ("null", True),
    ],
)
def test_origins(around: httpx2.Client, origin: str, allowed: bool) -> None:
    """Those given, and this machine's; with cookies."""
    answer = around.get(LIST, headers={"X-API-Key": "demo", "Origin": origin})
    assert answer.status_code == 200
    expected = origin if allowed else None
    assert answer.headers.get("access-control-allow-origin") == expected
    ask = {"Access-Control-Request-Method": "POST", "Origin": origin}
    preflight = around.options(f"{RUNS}/x/retry", headers=ask)
    assert preflight.headers.get("access-control-allow-origin") == expected
    assert preflight.is_success is allowed


def test_all_origins() -> None:
    """``*`` allows every one, by name, because cookies go with none else."""
    with mock(cors_origins=("*",), start="empty") as client:
        for origin in ("https://anything.example", "null", "tauri://localhost"):
            answer = client.get(LIST, headers={"X-API-Key": "demo", "Origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin
        # A page of the internet may call a server of a private network only if that says so.
        network = {"Access-Control-Request-Private-Network": "true"}
        ask = {"Origin": "https://x.example", "Access-Control-Request-Method": "GET"} | network
        answer = client.options(RUNS, headers=ask)
        assert answer.headers["access-control-allow-private-network"] == "true"
        # The control API stays closed for it.
        assert (
            client.get("/_mock/clock", headers={"Origin": "https://x.example"}).status_code == 403
        )


# Proxies.


def test_a_prefix_that_the_proxy_passes_on(around: httpx2.Client) -> None:
    """It is removed, and links have it; a path without it works too."""
    for path in (f"/mock{LIST}", LIST):
        assert around.get(path, headers={"X-API-Key": "demo"}).status_code == 200
    assert around.get("/mock").headers["location"] == "mock/"
    assert 'href="docs"' in around.get("/mock/").text
    assert around.get("/mock/docs").status_code == 200
    assert f"{around.base_url}".rstrip("/") + "/mock/api/" in around.get("/mock/").text
    assert around.get("/mockery").status_code == 404
    made = around.post("/mock/_mock/runs?world=test-prefix", json={"scenario": "diamond"})
    assert made.headers["location"].startswith("/mock/api/v1/automation-runs/")
    link = around.post("/mock/_mock/repro?world=test-prefix").json()["link"]
    assert link.startswith(f"{around.base_url}".rstrip("/") + "/mock/_mock/repro/")


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"Prefix": "/runs/"}, "http://{host}/runs/"),
        (
            {"Proto": "https", "Host": "mock.example.org", "Prefix": "/a/b"},
            "https://mock.example.org/a/b/",
        ),
        (
            {"Proto": "https, http", "Host": "one.test:8443, two.test"},
            "https://one.test:8443/mock/",
        ),
        (
            {"Proto": "javascript", "Host": 'x"><script>', "Prefix": "//evil.test"},
            "http://{host}/mock/",
        ),
        ({"Prefix": "/a b"}, "http://{host}/mock/"),
        ({"Host": ""}, "http://{host}/mock/"),
    ],
)
def test_forwarded_addresses(around: httpx2.Client, headers: dict[str, str], base: str) -> None:
    """Links have the public address of a trusted proxy, if it is one."""
    forwarded = {f"X-Forwarded-{name}": value for name, value in headers.items()}
    around.post("/_mock/runs?world=test-link", json={"scenario": "diamond"})
    link = around.post("/_mock/repro?world=test-link", headers=forwarded).json()["link"]
    assert link.startswith(base.format(host=around.base_url.netloc.decode()) + "_mock/repro/")


def test_the_client_of_a_proxy(around: httpx2.Client) -> None:
    """It counts as the peer; what it puts into the header itself does not."""
    for value, status in {
        "127.0.0.1": 200,
        "::1, 127.0.0.1": 200,
        "203.0.113.7": 403,
        "127.0.0.1, 203.0.113.7": 403,
        "203.0.113.7, 127.0.0.1": 403,
        "unknown": 403,
    }.items():
        answer = around.get("/_mock/clock", headers={"X-Forwarded-For": value})
        assert answer.status_code == status, value


@pytest.mark.parametrize(("trusted", "status"), [((), 403), (("203.0.113.0/24",), 200)])
def test_a_trusted_proxy(trusted: tuple[str, ...], status: int) -> None:
    """Its address does not count as the client's."""
    with mock(trusted_proxies=trusted, start="empty") as client:
        headers = {"X-Forwarded-For": "127.0.0.1, 203.0.113.7"}
        assert client.get("/_mock/clock", headers=headers).status_code == status


# Tokens of others.


@pytest.mark.parametrize(
    ("token", "tenant"),
    [
        ("demo", "demo"),
        ("acme:alice", "acme"),
        ("whatever-it-is", "test-any"),
        (jwt(sub="globex"), "globex"),
        (jwt(sub="test-mine"), "test-mine"),
        (jwt(sub="auth0|Ann.Lee@example.org"), "test-auth0-ann.lee-example.org"),
        (jwt(sub=17), "test-17"),
        (jwt(sub=""), "test-any"),
        (jwt(name="x"), "test-any"),
        ("a.b.c", "test-any"),
        ("a.bm90IGpzb24.c", "test-any"),
        (jwt(sub=["demo"]), "test-any"),
        (jwt(sub="x" * 200), "test-" + "x" * 59),
    ],
)
def test_any_token(around: httpx2.Client, token: str, tenant: str) -> None:
    """A claim names the world, a world's name is one, and every other token opens the given one."""
    answer = around.get(LIST, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    entry = around.get(f"/_mock/requests/{answer.headers['x-mock-request']}").json()
    assert entry["tenant"] == tenant
    found = around.get("/_mock/clock", headers={"Authorization": f"Bearer {token}"})
    assert found.json()["world"] == tenant


def test_a_wrong_path_is_in_the_journal_of_the_world(around: httpx2.Client) -> None:
    """Also where a token does not name it."""
    around.get(LIST, headers={"X-API-Key": "whatever"})
    answer = around.get("/api/v1/automation-run", headers={"X-API-Key": "whatever"})
    entry = around.get(f"/_mock/requests/{answer.headers['x-mock-request']}").json()
    assert (entry["status"], entry["tenant"]) == (404, "test-any")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-API-Key": ""}, 401),
        ({"Authorization": "Basic ZGVtbzpkZW1v"}, 401),
        ({"X-API-Key": "expired-1"}, 401),
        ({"X-API-Key": "forbidden"}, 403),
        ({"X-API-Key": "limited"}, 429),
        ({"X-API-Key": "any-key"}, 200),
        ({"Cookie": "vai_token=any"}, 200),
    ],
)
def test_credentials_of_any_scheme(
    around: httpx2.Client, headers: dict[str, str], status: int
) -> None:
    """None is still none, and the special ones keep their responses."""
    assert around.get(LIST, headers=headers).status_code == status


def test_a_world_that_cannot_be_opened() -> None:
    """It is an error at the start."""
    with pytest.raises(UsageError, match=r"--accept-any-token: expected one of demo, .*'nowhere'"):
        Mock(Settings(accept_any_token="nowhere"))


# Faults from the start.


def test_faults_from_the_start(around: httpx2.Client) -> None:
    """Every world has them, also after a reset; they can be removed."""
    for world in ("demo", "test-fresh"):
        headers = {"X-API-Key": world}
        assert around.get(LIST, headers=headers).headers["x-ratelimit-limit"] == "1000"
        around.delete("/_mock/faults", headers=headers)
        assert "x-ratelimit-limit" not in around.get(LIST, headers=headers).headers
        around.post("/_mock/reset", headers=headers)
        assert around.get(LIST, headers=headers).headers["x-ratelimit-limit"] == "1000"


# The cookie of a page.


def test_login(around: httpx2.Client) -> None:
    """It sets the cookie that opens the world, on the host that was asked."""
    with ExitStack() as stack:
        browser = stack.enter_context(httpx2.Client(base_url=around.base_url, verify=False))
        answer = browser.get("/_mock/login?as=test-page")
        assert answer.json() == {"cookie": "vai_token", "credential": "test-page"}
        assert answer.headers["set-cookie"] == "vai_token=test-page; Path=/; SameSite=Lax"
        assert browser.get(LIST).status_code == 200
        browser.get("/_mock/login?as=expired")
        assert browser.get(LIST).status_code == 401
    over_tls = around.get("/_mock/login?as=demo", headers={"X-Forwarded-Proto": "https"})
    assert over_tls.headers["set-cookie"].endswith("SameSite=None; Secure")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("as=demo&to=/runs", 303),
        ("as=demo&to=http://localhost:5173/", 303),
        ("as=demo&to=https://evil.example", 422),
        ("as=demo&to=//evil.example", 422),
        ("as=demo&to=/%5Cevil.example", 422),
        ("as=demo&to=http://localhost.evil.example", 422),
        ("as=demo&to=javascript:alert(1)", 422),
        ("as=nowhere", 404),
        ("as=demo%3B+Domain%3Dx", 422),
        ("", 422),
    ],
)
def test_login_goes_on_to_local_pages_only(around: httpx2.Client, query: str, status: int) -> None:
    """And takes only what can be a credential."""
    assert around.get(f"/_mock/login?{query}").status_code == status


LOCALHOST, NUMBER = "http://localhost:5173", "http://127.0.0.1:5173"
ELSEWHERE = "page is at 127.0.0.1 and calls localhost"
NONE = "no cookie vai_token for localhost; /_mock/login?as=demo sets it"


@pytest.mark.parametrize(
    ("headers", "host", "part"),
    [
        ({"Origin": LOCALHOST}, "127.0.0.1:80", "page is at localhost and calls 127.0.0.1"),
        ({"Origin": NUMBER}, "localhost:80", ELSEWHERE),
        ({"Origin": NUMBER, "Cookie": "seen"}, "localhost:80", ELSEWHERE),
        ({"Origin": NUMBER, "Referer": f"{LOCALHOST}/x"}, "localhost:80", ELSEWHERE),
        ({"Referer": f"{NUMBER}/a?b=//c"}, "localhost:80", ELSEWHERE),
        ({"Referer": f"{NUMBER}?b"}, "localhost:80", ELSEWHERE),
        ({"Referer": f"{NUMBER}/", "Cookie": "theme=dark"}, "localhost:80", ELSEWHERE),
        ({"Origin": "null", "Referer": f"{NUMBER}/"}, "localhost:80", ELSEWHERE),
        ({"Origin": LOCALHOST}, "localhost:80", "withCredentials"),
        ({"Referer": f"{LOCALHOST}/"}, "localhost:80", "withCredentials"),
        ({"Origin": LOCALHOST, "Cookie": "theme=dark"}, "localhost:80", NONE),
        ({"Referer": "http://localhost:80/"}, "localhost:80", NONE),
        ({}, "localhost:80", None),
        ({"Cookie": "theme=dark"}, "localhost:80", None),
        ({"Origin": "null"}, "localhost:80", None),
        ({"Referer": "about:blank"}, "localhost:80", None),
        ({"Referer": "http://a b/"}, "localhost:80", None),
    ],
)
def test_a_page_without_its_cookie(
    around: httpx2.Client, headers: dict[str, str], host: str, part: str | None
) -> None:
    """The 401 says why, and what to do."""
    detail = around.get(LIST, headers={"Host": host, **headers}).json()["detail"]
    assert detail.startswith("Not authenticated")
    assert (part in detail) if part else detail == "Not authenticated"


def test_the_index(around: httpx2.Client) -> None:
    """``/_mock`` lists the operations of the control API."""
    for path in ("/_mock", "/_mock/"):
        found = around.get(path).json()
        assert {
            "method": "GET",
            "path": "/mock/_mock/health",
            "summary": "Show the health of the mock",
        } in found["operations"]
        assert around.get(found["document"]).status_code == 200
    assert around.get("/_mock", headers={"Origin": "https://x.example"}).status_code == 403
