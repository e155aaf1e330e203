"""Who may drive the mock: its own machine, no page from elsewhere, or a client with the token."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from plain_yaml import parse_yaml

from mock_server.errors import UsageError
from mock_server.resources import control_file
from mock_server.settings import Access, Settings
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"
TOKEN = "correct-horse"
FOREIGN = "https://example.com"


def reset_by(base_url: str, world: str, *lines: str) -> tuple[int, dict[str, Any]]:
    """The answer to a reset that is asked for with exactly these header lines."""
    address = urlsplit(base_url)
    request = [f"POST /_mock/reset?world={world} HTTP/1.1", *lines, "Connection: close", "", ""]
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall("\r\n".join(request).encode("latin-1"))
        with connection.makefile("rb") as answer:
            head, _, body = answer.read().partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)


def driven(world: MockWorld, *lines: str) -> tuple[bool, str]:
    """Whether a reset with these header lines is let through, and what is said when it is not;
    checks that what is refused has changed nothing."""
    status, body = reset_by(world.base_url, world.key, *lines)
    untouched = world.client.get(RUNS).json()["total"] == 0
    assert (status, untouched) in ((200, False), (403, True)), body
    return status == 200, str(body.get("detail"))


# Names.


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8080",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1:8080",
        "[::1]:8080",
        "app.localhost",
        "a.b.localhost:80",
    ],
)
def test_the_names_of_this_machine_are_good(mock_world: MockWorld, host: str) -> None:
    """With any port: a forwarded one is another."""
    assert driven(mock_world, f"Host: {host}") == (True, "None")


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: example.com"],
        ["Host: localhost.example.com"],
        ["Host: 127.0.0.1.example.com:8080"],
        ["Host: notlocalhost"],
        ["Host: 10.0.0.7"],
    ],
)
def test_a_name_that_was_rebound_gets_nowhere(mock_world: MockWorld, lines: list[str]) -> None:
    """The owner of a name can have it point at 127.0.0.1; the remedy for an honest one is said."""
    let_through, said = driven(mock_world, *lines)
    assert not let_through
    assert "--allowed-host" in said


def test_an_allowed_name_is_good_for_calls_and_pages() -> None:
    """And only that one, not what is under it."""
    settings = Settings(start="empty", access=Access(hosts=("mock.test",)))
    with serving(settings) as url:
        origin = "Origin: http://mock.test:9000"
        assert reset_by(url, "demo", "Host: mock.test:80", origin)[0] == 200
        assert reset_by(url, "demo", "Host: a.mock.test")[0] == 403


# Pages.

LOCAL_PAGES = [
    ["Origin: http://localhost:5173", "Sec-Fetch-Site: cross-site"],
    ["Origin: https://app.localhost"],
    ["Origin: http://127.0.0.1:3000", "Sec-Fetch-Site: same-site"],
    ["Origin: http://[::1]:3000"],
    ["Sec-Fetch-Site: same-origin"],
    ["Sec-Fetch-Site: none"],
    ["Sec-Fetch-Site: cross-site", "Referer: http://localhost:5173/runs"],
    ["Referer: http://localhost:5173/"],
]
FOREIGN_PAGES = [
    [f"Origin: {FOREIGN}"],
    [f"Origin: {FOREIGN}", "Sec-Fetch-Site: same-origin"],
    ["Origin: null"],
    ["Origin: null", "Sec-Fetch-Site: cross-site", "Content-Type: text/plain"],
    ["Origin: null", "Referer: http://localhost/"],
    ["Origin:"],
    ["Origin: http://localhost", f"Origin: {FOREIGN}"],
    ["Origin: http://localhost.example.com"],
    ["Origin: http://localhost@example.com"],
    ["Origin: chrome-extension://localhost"],
    ["Origin: file://"],
    ["Sec-Fetch-Site: cross-site"],
    ["Sec-Fetch-Site: same-site"],
    ["Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site"],
    ["Sec-Fetch-Site: cross-site", f"Referer: {FOREIGN}/"],
    [f"Referer: {FOREIGN}/localhost/"],
    [f"Referer: {FOREIGN}/", "Content-Type: application/x-www-form-urlencoded"],
]


@pytest.mark.parametrize("lines", LOCAL_PAGES, ids=" ".join)
def test_pages_of_this_machine_are_good(mock_world: MockWorld, lines: list[str]) -> None:
    """To a browser localhost and 127.0.0.1 are two sites, so the origin counts first."""
    assert driven(mock_world, "Host: 127.0.0.1", *lines) == (True, "None")


@pytest.mark.parametrize("lines", FOREIGN_PAGES, ids=" ".join)
def test_pages_from_elsewhere_drive_nothing(mock_world: MockWorld, lines: list[str]) -> None:
    """A form, a fetch, an image, a sandboxed frame; and it is said what to do."""
    let_through, said = driven(mock_world, "Host: 127.0.0.1", *lines)
    assert not let_through
    assert "serve the page from localhost" in said


@pytest.mark.parametrize("path", ["/_mock/clock?world=test-opened-by-a-page", "/_mock/nowhere"])
def test_pages_from_elsewhere_read_nothing_either(anonymous: httpx2.Client, path: str) -> None:
    """Reading would open a world; what is there and what is not looks the same."""
    answer = anonymous.get(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    worlds = anonymous.get("/_mock/worlds").json()["items"]
    assert "test-opened-by-a-page" not in [world["name"] for world in worlds]


CLICKED = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/_mock/repro/x", {"Accept": "application/json"}),
        ("GET", "/_mock/repro/x", {"Accept": "*/*", "Sec-Fetch-Dest": "image"}),
        ("POST", "/_mock/repro/x", {}),
        ("GET", "/_mock/clock", {}),
        ("GET", "/_mock/worlds", {"Origin": FOREIGN}),
    ],
)
def test_no_header_opens_the_control_api_to_pages(
    anonymous: httpx2.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    """Not even those of a click on a link."""
    assert anonymous.request(method, path, headers=CLICKED | headers).status_code == 403


def test_a_link_that_a_page_may_have_led_to_asks_a_person_first(
    mock_world: MockWorld, anonymous: httpx2.Client
) -> None:
    """The page is the same for every link, valid or not: nothing of it has been read."""
    mock_world.create("diamond")
    link = mock_world.client.post("/_mock/repro").json()["link"]
    pages = []
    for address in (link, "/_mock/repro/x", f"/_mock/repro/{'A' * 9_000}"):
        page = anonymous.get(address, headers=CLICKED)
        assert page.status_code == 200
        pages.append(page.content)
    assert len(set(pages)) == 1
    assert b"diamond" not in pages[0]
    assert b"frame-ancestors 'none'" in page.headers["content-security-policy"].encode()
    # The button's request comes from the mock's own page.
    same = CLICKED | {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    shown = anonymous.get(link, headers=same)
    assert "diamond" in shown.text
    assert "Open world" in shown.text
    origin = {"Origin": mock_world.base_url}
    assert anonymous.post(link, headers=same | origin).status_code == 201


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_is_json_and_says_so(mock_world: MockWorld, media_type: str | None) -> None:
    """What a form could send without asking first is not a body of the control API."""
    headers = {} if media_type is None else {"Content-Type": media_type}
    answer = mock_world.client.post(
        "/_mock/runs", content=b'{"scenario": "diamond"}', headers=headers
    )
    assert answer.status_code == 422
    assert mock_world.client.get(RUNS).json()["total"] == 0


HOSTS = [
    ("localhost:8080", True),
    ("app.localhost", True),
    ("127.0.0.1", True),
    ("192.168.1.5:80", True),
    ("[::1]:8080", True),
    ("[2001:db8::1]", True),
    ("mock", True),
    ("app.test:3000", True),
    ("host.docker.internal", True),
    ("localhost.", True),
    ("example.com", False),
    ("EXAMPLE.com:8080", False),
    ("localhost.example.com", False),
    ("127.0.0.1.example.com", False),
    ("1.2.3", False),
    ("test.example", False),
]


@pytest.mark.parametrize(("host", "accepted"), HOSTS)
@pytest.mark.parametrize("path", [f"{RUNS}?limit=0", "/", "/openapi.json"])
def test_the_api_is_not_for_names_that_others_own(
    mock_world: MockWorld, host: str, accepted: bool, path: str
) -> None:
    """A page whose name was rebound to 127.0.0.1 could read it as its own origin."""
    for _ in range(2):
        answer = mock_world.client.get(path, headers={"Host": host})
        assert answer.status_code == (200 if accepted else 403)
    if not accepted:
        assert "--allowed-host" in answer.json()["detail"]


def test_more_names_can_be_allowed() -> None:
    """By name, or all of them; the control API never takes all."""
    for access, other in ((Access(hosts=("mock.dev",)), 403), (Access(any_host=True), 200)):
        with (
            serving(Settings(start="empty", access=access)) as url,
            httpx2.Client(base_url=url, headers={"X-API-Key": "demo"}) as client,
        ):
            expected = {"mock.dev": 200, "other.dev": other}
            for host, code in expected.items():
                assert client.get(RUNS, headers={"Host": host}).status_code == code
            assert client.get("/_mock/clock", headers={"Host": "other.dev"}).status_code == 403


def test_the_contract_is_for_everybody_who_has_a_credential(mock_world: MockWorld) -> None:
    """It knows no names and no tokens; only a browser keeps the answer from a foreign page."""
    headers = {"Origin": FOREIGN, "Sec-Fetch-Site": "cross-site"}
    answer = mock_world.client.get(RUNS, headers=headers)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


# Peers.


@pytest.mark.parametrize(
    ("peer", "let_through"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("203.0.113.9", False),
        ("192.168.1.5", False),
        ("::ffff:192.168.1.5", False),
        ("fe80::1", False),
        ("unknown", False),
    ],
)
def test_other_machines_are_refused(mock_world: MockWorld, peer: str, let_through: bool) -> None:
    """Also where a proxy on this machine passes their requests on; the remedy is a token."""
    answered, said = driven(mock_world, "Host: localhost", f"X-Forwarded-For: {peer}")
    assert answered == let_through
    assert let_through or ("--control-token" in said and peer in said)


@pytest.mark.parametrize("host", ["", "http://mock", "mock:8080", "Mock", "a b", "*.mock"])
def test_a_host_that_could_not_match_is_refused(host: str) -> None:
    """Names only."""
    with pytest.raises(UsageError, match="not a host name"):
        Access(hosts=(host,))


def test_every_operation_declares_who_is_kept_out() -> None:
    """401 and 403, but for what is for everybody."""
    document = parse_yaml(control_file().read_text(encoding="utf-8"))
    for path, item in document["paths"].items():
        for method in {"get", "put", "post", "patch", "delete"} & item.keys():
            declared = item[method]["responses"].keys() & {"401", "403"}
            open_to_all = path in ("/health", "/ready", "/access") and method == "get"
            assert declared == (set() if open_to_all else {"401", "403"}), f"{method} {path}"
