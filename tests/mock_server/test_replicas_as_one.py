"""What is about several replicas: their worlds, and the sessions of pages."""

import json
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx2
import pytest

pytest.importorskip("redis")

from replica import API, Replica, soon
from valkey_server import ValkeyServer

TOKEN = "the-token"


@pytest.fixture(autouse=True, scope="module")
def often() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mock_server.cluster.presence.TICK", 0.01)
        yield


@pytest.fixture
def replicas(valkey: ValkeyServer) -> Iterator[list[Replica]]:
    found = [Replica(valkey.location, token=TOKEN) for _ in range(3)]
    for one in found:
        soon(lambda one=one: one.peers == 2)  # type: ignore[misc]
    yield found
    for one in found:
        one.stop()


def page(replica: Replica, cookie: str = "") -> httpx2.Client:
    """Return the browser of a person whose load balancer has chosen ``replica``."""
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": replica.url}
    return httpx2.Client(
        base_url=replica.url,
        headers={**headers, "Cookie": cookie} if cookie else headers,
        timeout=60,
    )


def signed_in(replica: Replica) -> str:
    with page(replica) as client:
        response = client.post("/_mock/login", json={"token": TOKEN})
        assert response.status_code == 200, response.text
        return response.headers["Set-Cookie"].partition(";")[0]


def listed(replica: Replica) -> list[str]:
    response = replica.request("test-asks", "GET", "/_mock/worlds", {"X-Mock-Token": TOKEN})
    assert response.status_code == 200, response.text
    return [one["name"] for one in response.json()["items"]]


def test_every_replica_lists_the_worlds_of_all(replicas: list[Replica]) -> None:
    one, other, third = replicas
    for number, replica in enumerate(replicas):
        assert replica.request(f"test-list-{number}", "GET", API).status_code == 200
    expected = [f"test-list-{number}" for number in range(3)]
    assert [listed(replica) for replica in replicas] == [expected] * 3
    third.stop()
    soon(lambda: listed(one) == expected[:2])
    assert listed(other) == expected[:2]


def test_a_replica_that_does_not_respond_is_left_out(
    replicas: list[Replica], valkey: ValkeyServer
) -> None:
    one = replicas[0]
    assert one.request("test-here", "GET", API).status_code == 200
    with valkey.client() as client:
        client.zadd("runs-mock:replicas", {"http://127.0.0.1:1": 2**52})
        try:
            soon(lambda: one.peers == 3)
            assert listed(one) == ["test-here"]
        finally:
            client.zrem("runs-mock:replicas", "http://127.0.0.1:1")


def test_the_live_feed_lists_the_worlds_of_all(replicas: list[Replica]) -> None:
    one, other, third = replicas
    cookie = signed_in(other)
    for name, replica in {"test-feed-a": one, "test-feed-b": third}.items():
        assert replica.request(name, "GET", API).status_code == 200
    seen: list[list[str]] = []
    with page(other, cookie) as client:
        given = {"world": "test-feed-a", "topics": "worlds"}
        with client.stream("GET", "/_mock/events", params=given) as response:
            assert response.status_code == 200
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "data" and "items" in (found := json.loads(value)):
                    seen.append([item["name"] for item in found["items"]])
                    if seen[-1] == ["test-feed-a", "test-feed-b"]:
                        break
    assert seen


def test_a_person_is_signed_in_at_every_replica(replicas: list[Replica]) -> None:
    """Also where the world that they look at belongs to another one, and until they sign out."""
    one, other, _ = replicas
    assert one.request("test-person", "GET", API).status_code == 200
    cookie = signed_in(other)
    pages = [page(replica, cookie) for replica in replicas]
    path = "/_mock/clock?world=test-person"
    assert [client.get(path).status_code for client in pages] == [200] * 3
    with page(one) as unknown:
        assert unknown.get(path).status_code == 401
    ended = threading.Event()

    def follow() -> None:
        with pages[0].stream("GET", "/_mock/events", params={"world": "test-person"}) as response:
            following.set()
            for _ in response.iter_lines():
                pass
        ended.set()

    following = threading.Event()
    thread = threading.Thread(target=follow)
    thread.start()
    assert following.wait(30)
    assert pages[2].post("/_mock/logout").status_code == 204
    assert pages[2].get("/_mock/access").json()["signedIn"] is False
    assert ended.wait(30)
    thread.join()
    for client in pages:
        soon(lambda client=client: client.get(path).status_code == 401)  # type: ignore[misc]
        client.close()


def test_a_run_of_another_tenant_is_known_whichever_replica_has_it(
    replicas: list[Replica],
) -> None:
    one, other, _ = replicas
    token = {"X-Mock-Token": TOKEN}
    made = one.request("test-mine", "POST", "/_mock/runs", token, json={"scenario": "diamond"})
    behaviour = {"behaviour": {"Q09": "forbidden"}}
    given = other.request("test-theirs", "PUT", "/_mock/behaviour", token, json=behaviour)
    assert given.status_code == 200, given.text
    run = made.json()["id"]
    assert other.request("test-theirs", "GET", f"{API}/{run}").status_code == 403
    unknown = f"{API}/{UUID(int=0)}"
    assert other.request("test-theirs", "GET", unknown).status_code == 404


def numbered(response: httpx2.Response) -> int:
    return int(response.headers["X-Mock-Request"])


def test_every_replica_knows_the_requests_of_all(replicas: list[Replica]) -> None:
    def asked(replica: Replica, method: str, path: str, **given: Any) -> Any:
        token = {"X-Mock-Token": TOKEN}
        response = replica.request("test-asks", method, f"/_mock/{path}", token, **given)
        assert response.status_code == 200, response.text
        return response.json()

    made = [
        numbered(replica.request(f"test-requests-{number}", "GET", API))
        for number, replica in enumerate(replicas)
    ]
    made.append(numbered(replicas[2].request("test-asks", "GET", "/api/v1/unknown")))
    assert len(set(made)) == 4
    for replica in replicas:
        assert [asked(replica, "GET", f"requests/{number}")["number"] for number in made] == made
        listing = asked(replica, "GET", "requests?whose=all&limit=1000")
        assert {one["number"] for one in listing["items"]} >= set(made)
        assert asked(replica, "GET", "requests/count?whose=all")["total"] == listing["total"]
        expected = {"expectations": [{"path": "/api/v1/unknown"}]}
        assert asked(replica, "POST", "verify?whose=none", json=expected)["verified"]
        missing = replica.request("x", "GET", "/_mock/requests/99999999", {"X-Mock-Token": TOKEN})
        assert missing.status_code == 404
    asked(replicas[1], "DELETE", "requests?whose=all")
    assert [asked(one, "GET", "requests?whose=all")["items"] for one in replicas] == [[]] * 3


def test_a_request_for_all_journals_opens_no_world(replicas: list[Replica]) -> None:
    """Else each replica would try to own it."""
    one, other, _ = replicas
    token = {"X-Mock-Token": TOKEN}
    assert other.request("test-owned", "GET", API).status_code == 200
    response = one.request("test-owned", "GET", "/_mock/requests?whose=all", token)
    assert response.status_code == 200, response.text
    assert "test-owned" not in one.mock.worlds


def test_the_live_feed_has_the_requests_of_all(replicas: list[Replica]) -> None:
    one, _, third = replicas
    assert one.request("test-watched", "GET", API).status_code == 200
    cookie = signed_in(one)
    given = {"world": "test-watched", "whose": "all", "topics": "requests"}
    with page(one, cookie) as client, client.stream("GET", "/_mock/events", params=given) as feed:
        wanted = 0
        for line in feed.iter_lines():
            name, _, value = line.partition(": ")
            if name != "data":
                continue
            found = json.loads(value)
            if not wanted:  # The first event.
                wanted = numbered(third.request("test-elsewhere", "GET", API))
            if any(item["number"] == wanted for item in found.get("requests", [])):
                break
        else:
            raise AssertionError("the feed has ended")
