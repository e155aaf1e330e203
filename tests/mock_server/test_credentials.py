"""Credentials: three schemes, and tenants that never meet."""

import httpx2
import pytest

from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
OPERATIONS = [
    ("GET", RUNS),
    ("GET", f"{RUNS}/{ID}"),
    ("POST", f"{RUNS}/{ID}/cancel"),
    ("GET", f"{RUNS}/{ID}/events"),
    ("POST", f"{RUNS}/{ID}/retry"),
    ("GET", f"{RUNS}/{ID}/steps"),
]


def ways(key: str) -> list[dict[str, str]]:
    return [
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer  {key}"},
        {"X-API-Key": key},
        {"Cookie": f"vai_token={key}"},
        {"Cookie": f'theme=dark; vai_token="{key}"; other=1'},
    ]


@pytest.mark.parametrize("way", range(5))
def test_each_credential_alone_is_enough(
    mock_world: MockWorld, anonymous: httpx2.Client, way: int
) -> None:
    """Bearer, key and cookie open the same world."""
    mock_world.create("quick-success")
    answer = anonymous.get(f"{RUNS}", headers=ways(mock_world.key)[way])
    assert answer.json()["total"] == 1


NEIGHBOURS = [
    "seen; {}",
    "{}; seen",
    'prefs={{"a":"b"}}; {}',
    "user=John Doe; {}",
    "city=Z\u00fcrich; {}",
    "a@b=1; {}",
    "={}; {}",
    "; ;{};",
    "a=1,b=2;{}",
    "x=;{}",
    'q="un;{}',
    "theme=dark;\t{}",
    "vai_token_old=x; {}",
    "a=b=c; {}",
    "[csrf]=(x)\\; {}",
    "expires=Wed, 21 Oct 2026 07:28:00 GMT; {}",
    "path=/; {}",
    "domain=x; secure; {}",
    "\u0434=1; {}",
    "vai_token=unknown; {}",
    "{}; vai_token=unknown",
    "vai_token=; {}",
    "VAI_TOKEN=unknown; {}",
]


@pytest.mark.parametrize("cookies", NEIGHBOURS)
@pytest.mark.parametrize("pair", ["vai_token={}", 'vai_token="{}"', "vai_token = {}"])
def test_a_cookie_is_found_among_others(
    mock_world: MockWorld, anonymous: httpx2.Client, cookies: str, pair: str
) -> None:
    """Browsers send any text between two semicolons."""
    sent = cookies.replace("{}", pair.format(mock_world.key)).replace("{{", "{").replace("}}", "}")
    answer = anonymous.get(f"{RUNS}?limit=0", headers={"Cookie": sent.encode()})
    assert answer.status_code == 200, answer.text


def test_a_cookie_is_found_in_any_header(mock_world: MockWorld, anonymous: httpx2.Client) -> None:
    """HTTP/2 clients and proxies split cookies over several headers."""
    headers = [("Cookie", "a=1"), ("Cookie", f"vai_token={mock_world.key}"), ("Cookie", "b")]
    assert anonymous.get(f"{RUNS}?limit=0", headers=headers).status_code == 200


@pytest.mark.parametrize("name", ["VAI_TOKEN", "vai_token2", "x-vai_token", "x; vai_tokens"])
def test_a_cookie_of_another_name_is_not_a_credential(
    mock_world: MockWorld, anonymous: httpx2.Client, name: str
) -> None:
    """Names of cookies are case-sensitive and complete."""
    headers = {"Cookie": f"{name}={mock_world.key}"}
    assert anonymous.get(f"{RUNS}?limit=0", headers=headers).status_code == 401


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-API-Key": "unknown"}, 401),
        ({"X-API-Key": ""}, 401),
        ({"Authorization": "Basic ZGVtbzpkZW1v"}, 401),
        ({"Authorization": "demo"}, 401),
        ({"Authorization": "Bearer expired-yesterday"}, 401),
        ({"Cookie": "vai_token=unknown"}, 401),
        ({"Cookie": "vai_token"}, 401),
        ({"X-API-Key": "forbidden"}, 403),
        ({"X-API-Key": "limited"}, 429),
    ],
)
def test_any_other_credential_is_refused(
    anonymous: httpx2.Client, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """On all six operations, with the status that says why."""
    answer = anonymous.request(method, path, headers=headers)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)
    assert ("retry-after" in answer.headers) == (status == 429)


def test_a_bad_credential_learns_nothing_about_its_input(anonymous: httpx2.Client) -> None:
    """The credential is asked for first."""
    answer = anonymous.get(f"{RUNS}?limit=x", headers={"X-API-Key": "unknown"})
    assert answer.status_code == 401


def test_users_of_a_tenant_share_its_world(mock_world: MockWorld, anonymous: httpx2.Client) -> None:
    """``acme`` and ``acme:alice`` see the same runs."""
    run_id = mock_world.create("quick-success")
    headers = {"X-API-Key": f"{mock_world.key}:alice"}
    answer = anonymous.get(f"{RUNS}/{run_id}", headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "suffix"),
    [("GET", ""), ("GET", "/steps"), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry")],
)
def test_tenants_never_meet(
    mock_world: MockWorld, anonymous: httpx2.Client, method: str, suffix: str
) -> None:
    """Another tenant's run does not exist, whatever is asked of it, and nothing happens to it."""
    run_id = mock_world.create("hang")
    before = mock_world.run(run_id)
    other = {"X-API-Key": f"{mock_world.key}-other"}
    answer = anonymous.request(method, f"{RUNS}/{run_id}{suffix}", headers=other)
    assert answer.status_code == 404
    listed = anonymous.get(f"{RUNS}?limit=1000", headers=other).json()
    assert run_id not in [run["id"] for run in listed["items"]]
    assert mock_world.run(run_id) == before
