"""A mock that was started with a token is driven by its clients, and by no page or program without
it."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from mock_server.errors import UsageError
from mock_server.http import control_sessions
from mock_server.settings import Access, Settings
from mock_server.testing import serving

RUNS = "/api/v1/automation-runs"
TOKEN = "correct-horse"
FOREIGN = "https://example.com"
CLICKED = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


@pytest.fixture(scope="module")
def guarded() -> Iterator[httpx2.Client]:
    """A client of a mock that was started with a token; it does not send it by itself."""
    settings = Settings(start="empty", access=Access(token=TOKEN))
    with (
        pytest.MonkeyPatch.context() as patch,
        serving(settings) as url,
        httpx2.Client(base_url=url, verify=False) as client,
    ):
        patch.setattr(control_sessions, "DELAY", 0)
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Mock-Token": TOKEN},
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"bearer  {TOKEN}"},
        {"Authorization": "Bearer demo", "X-Mock-Token": TOKEN},
        {"X-Mock-Token": TOKEN, "Origin": FOREIGN, "Host": "mock", "Sec-Fetch-Site": "cross-site"},
        {"X-Mock-Token": TOKEN, "X-Forwarded-For": "203.0.113.9"},
    ],
)
def test_a_client_with_the_token_may(guarded: httpx2.Client, headers: dict[str, str]) -> None:
    """In either header, from anywhere: no page knows it."""
    answer = guarded.get("/_mock/clock", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["world"] == "demo"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Mock-Token": ""},
        {"X-Mock-Token": TOKEN[:-1]},
        {"X-Mock-Token": TOKEN.upper()},
        {"X-Mock-Token": f"{TOKEN}\xe9".encode("latin-1")},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer demo"},
        {"X-API-Key": TOKEN},
        {"Cookie": f"vai_token={TOKEN}"},
        {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_no_other_client_may(guarded: httpx2.Client, headers: dict[str, Any]) -> None:
    """401 with a challenge, for what is there and what is not; the token is not shown."""
    for method, path in (("POST", "/_mock/reset"), ("GET", "/_mock/nowhere")):
        answer = guarded.request(method, path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "X-Mock-Token" in answer.json()["detail"]
        assert TOKEN not in answer.text


def test_the_token_as_bearer_names_no_world(guarded: httpx2.Client) -> None:
    """The world is then the one of another credential."""
    headers = {"Authorization": f"Bearer {TOKEN}", "X-API-Key": "acme:alice"}
    assert guarded.get("/_mock/clock", headers=headers).json()["world"] == "acme"


def test_probes_need_no_token(guarded: httpx2.Client) -> None:
    """A machine that looks after the mock calls it by a number and has no token."""
    headers = {"Host": "10.0.0.7:8080", "X-Forwarded-For": "10.0.0.1"}
    assert guarded.get("/_mock/health", headers=headers).json()["status"] == "ok"
    assert guarded.get("/_mock/openapi.yaml", headers=headers).status_code == 200
    assert guarded.post("/_mock/health", headers=headers).status_code == 401


def test_a_page_of_this_machine_can_read_that_it_needs_the_token(guarded: httpx2.Client) -> None:
    """And a browser lets it send it."""
    origin = {"Origin": "http://localhost:5173"}
    refused = guarded.get("/_mock/clock", headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin["Origin"]
    asks = {"Access-Control-Request-Method": "POST"}
    asks["Access-Control-Request-Headers"] = "x-mock-token,content-type"
    allowed = guarded.options("/_mock/reset", headers=origin | asks)
    assert allowed.status_code == 200
    assert "x-mock-token" in allowed.headers["access-control-allow-headers"]
    foreign = guarded.options("/_mock/reset", headers={"Origin": FOREIGN} | asks)
    assert "access-control-allow-origin" not in foreign.headers


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "clé"])
def test_a_token_that_could_not_be_sent_is_refused(token: str) -> None:
    """An empty one above all: it would protect nothing."""
    with pytest.raises(UsageError, match="one word"):
        Access(token=token)


def test_a_token_is_not_shown() -> None:
    """Settings may end up in a log."""
    assert TOKEN not in repr(Settings(access=Access(token=TOKEN)))


def test_a_situation_can_be_set_up_by_hand_where_there_is_a_token(guarded: httpx2.Client) -> None:
    """A link that is clicked shows its page, which asks for the token; without it nothing is set
    up, and nothing else is shown to a browser."""
    link = guarded.post("/_mock/repro", headers={"X-Mock-Token": TOKEN}).json()["token"]
    clicked = CLICKED | {"Sec-Fetch-Site": "none"}
    page = guarded.get(f"/_mock/repro/{link}", headers=clicked)
    assert page.status_code == 200
    assert '<p><label>Control token of the mock <input type="password"' in page.text
    assert page.headers["x-frame-options"] == "DENY"
    assert guarded.get("/_mock/worlds", headers=clicked).status_code == 401
    assert guarded.post(f"/_mock/repro/{link}", headers=clicked).status_code == 401
    asked = {"X-Mock-Token": TOKEN, "Accept": "text/html"}
    assert guarded.post(f"/_mock/repro/{link}", headers=asked).status_code == 201
