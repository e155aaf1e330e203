"""Signing in to the control API from a page: the cookie, where it counts, and guesses."""

import asyncio
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import Queue
from typing import Any

import httpx2
import pytest

from mock_server.http import control_sessions
from mock_server.settings import Access, Settings
from mock_server.testing import serving

TOKEN = "correct-horse"
PAGE = {"Accept": "text/html"}
FOREIGN = "http://localhost:3000"


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    with serving(Settings(start="empty", access=Access(token=TOKEN))) as url:
        yield url


@pytest.fixture
def visitor(guarded: str) -> Iterator[httpx2.Client]:
    """A client that keeps cookies and sends no token by itself."""
    with httpx2.Client(base_url=guarded, verify=False) as client:
        yield client


def sign_in(visitor: httpx2.Client, **options: Any) -> httpx2.Response:
    return visitor.post("/_mock/login", json={"token": TOKEN}, **options)


def signed_in(visitor: httpx2.Client) -> bool:
    shown = visitor.get("/_mock/access")
    assert shown.json()["tokenRequired"] is True
    return bool(shown.json()["signedIn"])


def test_a_page_signs_in_with_a_form(visitor: httpx2.Client) -> None:
    """It is public and has no script; the next page is the start page, or one of this host."""
    page = visitor.get("/_mock/login", headers=PAGE)
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["x-frame-options"] == "DENY"
    assert "<script" not in page.text
    assert '<form method="post">' in page.text
    assert not signed_in(visitor)
    own = {**PAGE, "Origin": str(visitor.base_url).rstrip("/")}
    done = visitor.post("/_mock/login?to=/docs", data={"token": TOKEN}, headers=own)
    assert (done.status_code, done.headers["location"]) == (303, "/docs")
    assert (
        visitor.post("/_mock/login", data={"token": TOKEN}, headers=own).headers["location"] == "/"
    )
    assert signed_in(visitor)
    assert visitor.get("/_mock/worlds").status_code == 200


def test_the_cookie_is_for_the_control_api_only(visitor: httpx2.Client) -> None:
    """No script reads it, no other site sends it, and it is not the token."""
    cookie = sign_in(visitor).headers["set-cookie"]
    assert re.fullmatch(
        r"runs_mock_control=[\w-]{32}; Path=/_mock; HttpOnly; SameSite=Strict", cookie
    )
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/mock"}
    cookie = sign_in(visitor, headers=forwarded).headers["set-cookie"]
    assert "; Path=/mock/_mock;" in cookie
    assert cookie.endswith("; Secure")


def test_signing_out_ends_the_session(visitor: httpx2.Client) -> None:
    """Also for a copy of the cookie."""
    sign_in(visitor)
    copy = dict(visitor.cookies)
    own = {"Origin": str(visitor.base_url).rstrip("/")}
    done = visitor.post("/_mock/logout", headers=own)
    assert done.status_code == 204
    assert "Max-Age=0" in done.headers["set-cookie"]
    assert not signed_in(visitor)
    with httpx2.Client(base_url=visitor.base_url, cookies=copy, verify=False) as other:
        assert other.get("/_mock/worlds").status_code == 401
    assert visitor.post("/_mock/logout", headers=own).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": FOREIGN},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1.example.com"},
        {"Origin": FOREIGN, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Referer": f"{FOREIGN}/page"},
    ],
    ids=str,
)
def test_the_cookie_does_not_count_for_other_pages(
    visitor: httpx2.Client, headers: dict[str, str]
) -> None:
    """Another port of this host is another page, and browsers send it the same cookies."""
    sign_in(visitor)
    for method, path in (("GET", "/_mock/worlds"), ("POST", "/_mock/clock/freeze")):
        response = visitor.request(method, path, headers=headers)
        assert response.status_code == 403, path
        assert "X-Mock-Token" in response.json()["detail"]
    assert visitor.get("/_mock/worlds", headers={**headers, "X-Mock-Token": TOKEN}).is_success


@pytest.mark.parametrize(
    ("headers", "reads", "changes"),
    [
        ({}, 200, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200, 403),
        ({"Sec-Fetch-Site": "none"}, 200, 403),
        ({"Referer": "{own}/docs"}, 200, 403),
        ({"Origin": "{own}"}, 200, 200),
        ({"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}, 200, 200),
    ],
    ids=str,
)
def test_the_cookie_counts_for_the_mocks_own_pages(
    visitor: httpx2.Client, headers: dict[str, str], reads: int, changes: int
) -> None:
    """What changes something has to name its origin, as browsers do."""
    sign_in(visitor)
    own = str(visitor.base_url).rstrip("/")
    headers = {name: text.format(own=own) for name, text in headers.items()}
    assert visitor.get("/_mock/clock", headers=headers).status_code == reads
    assert visitor.post("/_mock/clock/freeze", headers=headers).status_code == changes


def test_a_proxy_names_the_origin(visitor: httpx2.Client) -> None:
    """A trusted one does; plain HTTP is another origin than TLS."""
    sign_in(visitor)
    proxy = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "mock.test"}
    for origin, status in (
        ("https://mock.test", 200),
        ("http://mock.test", 403),
        ("https://other.test", 403),
    ):
        headers = {**proxy, "Origin": origin}
        assert visitor.post("/_mock/clock/freeze", headers=headers).status_code == status, origin


def test_the_feed_is_open_to_a_signed_in_page(visitor: httpx2.Client) -> None:
    """EventSource cannot send the token."""
    assert visitor.get("/_mock/events").status_code == 401
    sign_in(visitor)
    headers = {"Sec-Fetch-Site": "same-origin"}
    with visitor.stream("GET", "/_mock/events", headers=headers) as response:
        assert response.status_code == 200


def test_a_page_of_another_origin_does_not_guess(visitor: httpx2.Client) -> None:
    """Through a browser that can reach the mock."""
    for headers in ({"Origin": FOREIGN}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert sign_in(visitor, headers=headers).status_code == 403
    assert sign_in(visitor).status_code == 200


@pytest.mark.parametrize(
    "to", ["//example.com", "https://example.com", "/\\example.com", "/a\nb", "/\u20ac", "/\x01"]
)
def test_the_next_page_is_of_this_host(visitor: httpx2.Client, to: str) -> None:
    """Signing in leads nowhere else."""
    response = visitor.post("/_mock/login", params={"to": to}, data={"token": TOKEN}, headers=PAGE)
    assert response.status_code == 422
    assert visitor.get("/_mock/login", params={"as": "demo", "to": to}).status_code == 422


@pytest.mark.parametrize(
    "body", [{}, {"token": 5}, {"token": "a" * 5_000}, {"token": TOKEN, "x": 1}]
)
def test_a_body_without_a_valid_token_is_rejected(
    visitor: httpx2.Client, body: dict[str, Any]
) -> None:
    """As JSON and as a form."""
    assert visitor.post("/_mock/login", json=body).status_code == 422
    if body.get("token") != 5:
        assert visitor.post("/_mock/login", data=body).status_code == 422


def test_wrong_tokens_are_rejected_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten, in the form and in headers, each waits. The right token never does."""
    now, waits = [1_000.0], Queue[float]()
    release = threading.Event()

    async def wait(seconds: float) -> None:
        waits.put(seconds)
        await asyncio.to_thread(release.wait, 60)

    monkeypatch.setattr(control_sessions, "monotonic", lambda: now[0])
    monkeypatch.setattr(control_sessions, "sleep", wait)
    monkeypatch.setattr(control_sessions, "MAX_DELAYED", 2)
    settings = Settings(start="empty", access=Access(token=TOKEN))
    with serving(settings) as url, httpx2.Client(base_url=url, verify=False) as client:
        for guess in ("", TOKEN[:-1], TOKEN + "x", "\u20ac", *"ab"):
            page = client.post("/_mock/login", data={"token": guess}, headers=PAGE)
            assert page.status_code == 401
            assert "expected the control token" in page.text
        for name in ("X-Mock-Token", "Authorization"):
            for _ in range(2):
                headers = {name: "Bearer wrong"}
                assert client.get("/_mock/worlds", headers=headers).status_code == 401
        assert waits.empty()
        with ThreadPoolExecutor() as pool:
            slow = [
                pool.submit(httpx2.get, f"{url}/_mock/worlds", headers={"X-Mock-Token": "wrong"}),
                pool.submit(httpx2.post, f"{url}/_mock/login", json={"token": "wrong"}),
            ]
            assert [waits.get(timeout=60), waits.get(timeout=60)] == [control_sessions.DELAY] * 2
            assert sign_in(client).status_code == 200
            assert signed_in(client)
            assert client.get("/_mock/worlds", headers={"X-Mock-Token": TOKEN}).is_success
            anonymous = httpx2.get(f"{url}/_mock/worlds")  # Without a guess.
            assert anonymous.status_code == 401
            # More than that do not wait, so they cost no memory.
            third = httpx2.get(f"{url}/_mock/worlds", headers={"X-Mock-Token": "wrong"})
            assert third.status_code == 401
            assert not any(one.done() for one in slow)
            release.set()
            assert [one.result(timeout=60).status_code for one in slow] == [401, 401]
        now[0] += 6
        again = httpx2.get(f"{url}/_mock/worlds", headers={"X-Mock-Token": "wrong"})
        assert again.status_code == 401
        assert waits.empty()


def test_sessions_are_bounded() -> None:
    """The oldest ends, and what is open for it."""
    ended: list[str] = []
    sessions = control_sessions.ControlSessions(TOKEN)
    first = sessions.sign_in()
    sessions.watch(cookie(first), lambda: ended.append("first"))
    stop = sessions.watch(cookie(first), lambda: ended.append("stopped"))
    stop()
    sessions.watch(cookie("unknown"), lambda: ended.append("unknown"))
    others = [sessions.sign_in() for _ in range(control_sessions.MAX_SESSIONS)]
    assert ended == ["first"]
    assert not sessions.is_open(cookie(first))
    assert all(sessions.is_open(cookie(one)) for one in others)
    assert not sessions.is_open(cookie(""))


def cookie(session: str) -> list[tuple[bytes, bytes]]:
    return [(b"cookie", f"a=b; runs_mock_control={session}".encode())]


def test_signing_out_ends_the_feeds_of_the_session(visitor: httpx2.Client) -> None:
    """Not those of others, nor those of clients with the token."""
    with httpx2.Client(base_url=visitor.base_url, verify=False) as other, ExitStack() as stack:
        sign_in(visitor)
        sign_in(other)
        feeds = {
            name: stack.enter_context(client.stream("GET", "/_mock/events", headers=headers))
            for name, client, headers in (
                ("own", visitor, {"Sec-Fetch-Site": "same-origin"}),
                ("other", other, {"Sec-Fetch-Site": "same-origin"}),
                ("token", visitor, {"X-Mock-Token": TOKEN, "Cookie": ""}),
            )
        }
        parts = {name: feed.iter_raw() for name, feed in feeds.items()}
        assert all(b"event: hello" in next(one) for one in parts.values())
        own = {"Origin": str(visitor.base_url).rstrip("/")}
        assert visitor.post("/_mock/logout", headers=own).status_code == 204
        assert b"event: clock" not in b"".join(parts["own"])  # It has ended.
        other.post("/_mock/clock/freeze", headers={"X-Mock-Token": TOKEN})
        for name in ("other", "token"):
            assert b"event: clock" in next(parts[name])


def test_without_a_token_there_is_nothing_to_sign_in_to(anonymous_page: httpx2.Client) -> None:
    """Every local page may use the control API."""
    shown = anonymous_page.get("/_mock/access").json()
    assert shown == {"tokenRequired": False, "signedIn": True}
    skipped = anonymous_page.get("/_mock/login", headers=PAGE)
    assert (skipped.status_code, skipped.headers["location"]) == (303, "/")
    done = sign_in(anonymous_page)
    assert (done.status_code, done.json()) == (200, {"signedIn": True})
    assert "set-cookie" not in done.headers
    assert sign_in(anonymous_page, headers={"Origin": "https://example.com"}).status_code == 403


@pytest.fixture
def anonymous_page(mock_server_url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=mock_server_url, verify=False) as client:
        yield client
