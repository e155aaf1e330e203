"""Several workers serve one port as one mock."""

import ast
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import raw_http
from served_command import Served, serve, worker_of, worlds_of

import mock_server
from mock_server.testing import RUNS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")

WORKERS = 3
TOKEN = {"X-Mock-Token": "the-token"}
OPTIONS = ("--clock", "frozen", "--now", "2026-03-02T08:15:00Z", "--start", "empty")
WORLDS = worlds_of(WORKERS)
LINE = "\r\n"


@pytest.fixture(scope="module")
def several() -> Iterator[Served]:
    with serve("--workers", str(WORKERS), "--control-token", "the-token", *OPTIONS) as served:
        yield served


@pytest.fixture(scope="module")
def client(several: Served) -> Iterator[httpx2.Client]:
    """One connection, so requests for most worlds are forwarded."""
    with several.client() as client:
        client.headers.update(TOKEN)
        yield client


def create(client: httpx2.Client, world: str) -> str:
    response = client.post(
        f"/_mock/runs?world={world}", json={"scenario": "quick-success"}, headers=TOKEN
    )
    assert response.status_code == 201, response.text
    run: str = response.json()["id"]
    return run


def listed(client: httpx2.Client, world: str) -> list[str]:
    response = client.get(RUNS, headers={"X-API-Key": world})
    assert response.status_code == 200, response.text
    return [run["id"] for run in response.json()["items"]]


def test_each_world_is_one_whatever_connection_a_request_comes_on(
    several: Served, client: httpx2.Client
) -> None:
    created = {world: create(client, world) for world in WORLDS}
    for _ in range(4):
        with several.client() as other:
            for world, run in created.items():
                assert listed(other, world) == [run]


def test_a_connection_is_handed_over_to_the_owner(several: Served) -> None:
    """So its next requests need no other worker: they work while all others stand still."""
    world = WORLDS[0]
    owner = several.workers()[worker_of(world, WORKERS)]
    others = [one for one in several.workers() if one != owner]
    clients = [several.client(world) for _ in range(12)]
    for each in clients:
        listed(each, world)
    for one in others:
        os.kill(one, signal.SIGSTOP)
    try:
        for each in clients:
            listed(each, world)
    finally:
        for one in others:
            os.kill(one, signal.SIGCONT)
    for each in clients:
        each.close()


def test_a_head_in_pieces_reaches_the_owner(several: Served) -> None:
    """With what came before the head was complete, and the request after it."""
    where = urlsplit(several.base_url)
    for world in WORLDS:
        head = f"GET {RUNS} HTTP/1.1\r\nHost: {where.netloc}\r\nX-API-Key: {world}\r\n".encode()
        with socket.create_connection((where.hostname or "", where.port or 0), 30) as connection:
            for piece in (head[:5], head[5:60], head[60:] + b"\r\n" + head):
                connection.sendall(piece)
            connection.sendall(b"Connection: close\r\n\r\n")
            found = b""
            while piece := connection.recv(65_536):
                found += piece
        assert found.count(b"HTTP/1.1 200 OK") == 2


def test_many_requests_at_once_reach_the_owner(several: Served) -> None:
    """More than is parsed at once: what is not parsed yet is handed over, too."""
    where = urlsplit(several.base_url)
    for world in WORLDS:
        head = f"GET {RUNS} HTTP/1.1\r\nHost: {where.netloc}\r\nX-API-Key: {world}\r\n"
        for _ in range(4):  # Whichever worker gets the connection.
            connection = socket.create_connection((where.hostname or "", where.port or 0), 30)
            connection.sendall(f"{(head + LINE) * 250}{head}Connection: close{LINE}{LINE}".encode())
            assert raw_http.read(connection).count(b"HTTP/1.1 200 OK") == 251


def test_what_is_wrong_after_a_request_is_for_the_owner_too(several: Served) -> None:
    """The worker that gives a connection away has read all of one packet."""
    where = urlsplit(several.base_url)
    for world in WORLDS:
        head = f"GET {RUNS} HTTP/1.1\r\nHost: {where.netloc}\r\nX-API-Key: {world}\r\n\r\n"
        for _ in range(4):  # Whichever worker gets the connection.
            with socket.create_connection((where.hostname or "", where.port or 0), 30) as client:
                client.sendall(head.encode() + b"\0\r\n\r\n")
                found = b""
                while piece := client.recv(65_536):
                    found += piece
            assert found.startswith(b"HTTP/1.1 400 ") or b"HTTP/1.1 200 OK" in found
            assert found.endswith(b'"Invalid HTTP request received."}')


@pytest.mark.parametrize(
    "fields",
    [
        [("Authorization", "Bearer the-token"), ("Authorization", "Bearer {}")],
        [("Authorization", "Bearer {}"), ("Authorization", "Bearer the-token")],
        [("X-Mock-Token", "the-token"), ("Authorization", "Bearer the-token"), ("X-API-Key", "{}")],
        [("X-Mock-Token", "the-token"), ("Authorization", "Bearer {}")],
    ],
)
def test_the_token_does_not_decide_which_worker_responds(
    several: Served, fields: list[tuple[str, str]]
) -> None:
    with httpx2.Client(base_url=several.base_url, timeout=60) as client:
        for world in WORLDS:
            headers = [(name, value.format(world)) for name, value in fields]
            response = client.get("/_mock/clock", headers=headers)
            assert response.status_code == 200, response.text
            assert response.json()["world"] == world


@pytest.mark.parametrize("query", ["world={0}&world={1}", "world=&world={0}", "%77orld={0}"])
def test_one_worker_responds_whatever_the_query_is(client: httpx2.Client, query: str) -> None:
    for one, other in permutations(WORLDS, 2):
        response = client.get(f"/_mock/clock?{query.format(one, other)}")
        assert response.status_code in (200, 404, 422, 503), response.text


def test_a_prefix_that_looks_like_the_api_hides_no_operation() -> None:
    with (
        serve("--workers", "2", "--root-path", "/api/mock", *OPTIONS) as served,
        httpx2.Client(base_url=served.base_url, timeout=60) as client,
    ):
        worlds = worlds_of(2)
        for world in worlds:
            response = client.get(f"/api/mock/_mock/clock?world={world}")
            assert response.status_code == 200, response.text
        listed = client.get("/api/mock/_mock/worlds").json()["items"]
        assert {*worlds} <= {one["name"] for one in listed}


def test_a_stream_goes_on_wherever_its_client_is_connected(client: httpx2.Client) -> None:
    for world in WORLDS:
        run = create(client, world)
        key = {"X-API-Key": world}
        with client.stream("GET", f"{RUNS}/{run}/events", headers=key) as response:
            lines = response.iter_lines()
            while next(lines):
                pass
            client.post(f"/_mock/clock/advance?world={world}", json={"seconds": 60})
            assert '"event":"run.completed"' in "".join(lines)


def test_responses_about_the_process_are_about_all_workers(client: httpx2.Client) -> None:
    for world in WORLDS:
        client.post(f"/_mock/reset?world={world}", json={})
    client.delete("/_mock/requests?whose=all")
    before = _metric(client, 'runs_mock_requests_total{operation="listRuns",status="200"}')
    for world in WORLDS:
        listed(client, world)
    names = [world["name"] for world in client.get("/_mock/worlds").json()["items"]]
    assert set(WORLDS) <= set(names)
    assert names == sorted(names)
    assert client.get("/_mock/health").json()["worlds"] == len(names)
    assert client.head("/_mock/health").content == b""
    assert client.get("/_mock/ready").json() == {"status": "ready"}
    count = client.get("/_mock/requests/count?whose=all").json()
    assert count == {"total": 3, "byOperation": {"listRuns": 3}, "byStatus": {"200": 3}}
    after = _metric(client, 'runs_mock_requests_total{operation="listRuns",status="200"}')
    assert (after - before, _metric(client, "runs_mock_worlds")) == (3, len(names))
    assert _metric(client, 'runs_mock_info{version="0.1.0"}') == 1


def _metric(client: httpx2.Client, name: str) -> float:
    lines = client.get("/_mock/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def test_a_request_is_found_by_its_number(client: httpx2.Client) -> None:
    """Numbers grow over all worlds, so those of a page of all requests are in their order."""
    client.delete("/_mock/requests?whose=all")
    numbers = []
    for world in [*WORLDS, "nonsense", *WORLDS]:
        sent = client.get(RUNS, headers={"X-API-Key": world})
        number = int(sent.headers["x-mock-request"])
        entry = client.get(f"/_mock/requests/{number}").json()
        assert (entry["number"], entry["status"]) == (number, sent.status_code)
        numbers.append(number)
    assert numbers == sorted(set(numbers))
    page = client.get("/_mock/requests?whose=all&limit=5").json()
    assert [one["number"] for one in page["items"]] == numbers[::-1][:5]
    assert page["total"] == 7
    alone = client.get("/_mock/requests?whose=none").json()
    assert [one["number"] for one in alone["items"]] == [numbers[3]]
    assert client.get("/_mock/requests/999999999").status_code == 404
    assert client.delete("/_mock/requests?whose=all").json() == {"cleared": 7}


def test_requests_of_all_worlds_can_be_verified(client: httpx2.Client) -> None:
    client.delete("/_mock/requests?whose=all")
    for world in WORLDS:
        listed(client, world)
    expected = {"operation": "listRuns", "headers": {"X-API-Key": WORLDS[1]}}
    for whose, count in (("all", 1), ("none", 0)):
        body = {"expectations": [{**expected, "count": count}], "noOthers": False}
        found = client.post(f"/_mock/verify?whose={whose}", json=body).json()
        assert found["verified"], found


def test_a_run_of_another_tenant_is_known_to_all(client: httpx2.Client) -> None:
    """Where the behaviour says 403 for it, also if that tenant's world has another worker."""
    run = create(client, WORLDS[0])
    answers = client.get(f"/_mock/behaviour?world={WORLDS[1]}").json()["answers"]
    changed = client.put(
        f"/_mock/behaviour?world={WORLDS[1]}",
        json={"behaviour": {**answers, "Q09": "forbidden"}},
    )
    assert changed.status_code == 200, changed.text
    key = {"X-API-Key": WORLDS[1]}
    assert client.get(f"{RUNS}/{run}", headers=key).status_code == 403
    unknown = f"{run[:-4]}0000"
    assert client.get(f"{RUNS}/{unknown}", headers=key).status_code == 404
    client.post(f"/_mock/reset?world={WORLDS[1]}", json={})


def test_the_live_feed_has_the_requests_and_worlds_of_all(client: httpx2.Client) -> None:
    url = f"/_mock/events?whose=all&topics=requests,worlds&world={WORLDS[0]}"
    wanted, new = set(WORLDS), "test-empty-of-the-feed"
    seen: set[str] = set()
    worlds: set[str] = set()
    with client.stream("GET", url) as response:
        for line in response.iter_lines():
            if line.startswith("event: hello") or not wanted <= seen or new not in worlds:
                # Requests that come before the other workers are followed are not in the feed.
                for world in (*WORLDS, new):
                    listed(client, world)
            if line.startswith("data: "):
                data = json.loads(line[6:])
                seen |= {one["tenant"] for one in data.get("requests", ())}
                worlds |= {one["name"] for one in data.get("items", ())}
            if wanted <= seen and {new, *wanted} <= worlds:
                break
    assert wanted <= seen


def test_a_page_that_signs_in_is_known_to_every_worker(several: Served) -> None:
    """And no longer to any when it has signed out."""
    page = {"Sec-Fetch-Site": "same-origin", "Origin": several.base_url}
    with httpx2.Client(base_url=several.base_url, headers=page, timeout=60) as signed_in:
        paths = [f"/_mock/clock?world={world}" for world in WORLDS] + ["/_mock/worlds"]
        assert {signed_in.get(path).status_code for path in paths} == {401}
        signed_in.post("/_mock/login", json={"token": "the-token"})
        cookies = dict(signed_in.cookies)
        assert {signed_in.get(path).status_code for path in paths} == {200}
        signed_in.post("/_mock/logout")
        signed_in.cookies.clear()
        signed_in.cookies.update(cookies)
        assert {signed_in.get(path).status_code for path in paths} == {401}


def test_what_workers_ask_each_other_is_closed_to_clients(client: httpx2.Client) -> None:
    for path in ("/_cluster/changes", "/_cluster/exchanges/all", "/_cluster/runs/x"):
        assert client.get(path).status_code == 404


def test_a_link_opens_as_a_world(client: httpx2.Client) -> None:
    """Twice as two worlds, whatever worker has them."""
    create(client, WORLDS[0])
    token = client.post(f"/_mock/repro?world={WORLDS[0]}", json={}).json()["token"]
    opened = [client.post(f"/_mock/repro/{token}").json() for _ in range(4)]
    keys = [one["key"] for one in opened]
    assert len(set(keys)) == 4
    for key, one in zip(keys, opened, strict=True):
        assert listed(client, key) == [run["id"] for run in one["runs"]]


def test_nothing_of_it_is_imported_for_one() -> None:
    """Other modules import it in functions, when several are asked for."""
    package = Path(mock_server.__file__).parent
    found = [
        str(file)
        for file in package.rglob("*.py")
        if "cluster" not in file.parts
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "mock_server.cluster" in ast.unparse(node)
    ]
    assert found == []
