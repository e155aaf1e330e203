"""The journal of requests: each entry says why its answer came, and no entry gives a credential
away."""

from typing import Any

import httpx2
import pytest
from plain_yaml import parse_yaml

from mock_server.engine.behaviour import Behaviour, ForeignRun
from mock_server.journal.journal import MAX_EXCHANGES
from mock_server.resources import contract_file
from mock_server.settings import Settings
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"
ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
CONTRACT = parse_yaml(contract_file().read_text(encoding="utf-8"))


def entry(client: httpx2.Client, answer: httpx2.Response) -> dict[str, Any]:
    """The journal's entry of ``answer``."""
    shown = client.get(f"/_mock/requests/{answer.headers['x-mock-request']}")
    assert shown.status_code == 200, shown.text
    found: dict[str, Any] = shown.json()
    return found


def listed(world: MockWorld, **filters: str | int) -> list[dict[str, Any]]:
    answer = world.client.get("/_mock/requests", params=filters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def at(pointer: str) -> Any:
    """What ``pointer`` leads to in the contract."""
    found: Any = CONTRACT
    for key in pointer.split("/")[1:]:
        found = found[key.replace("~1", "/").replace("~0", "~")]
    return found


def test_an_answer_leads_to_its_entry(mock_world: MockWorld) -> None:
    """The header names it; the entry shows operation, tenant, world time, duration and size."""
    run_id = mock_world.create("quick-success")
    answer = mock_world.client.get(f"{RUNS}/{run_id}?a=1")
    found = entry(mock_world.client, answer)
    assert found["number"] == int(answer.headers["x-mock-request"])
    assert (found["method"], found["path"]) == ("GET", f"{RUNS}/{run_id}")
    assert found["query"] == "a=1"
    assert (found["operation"], found["status"]) == ("getRun", 200)
    assert (found["tenant"], found["credential"]) == (mock_world.key, "apiKey")
    assert found["at"] == mock_world.client.get("/_mock/clock").json()["now"]
    assert found["bytesSent"] == len(answer.content)
    assert 0 < found["durationMs"] < 30_000
    assert found["headers"]["user-agent"].startswith("python-httpx2")
    assert (found["question"], found["flaws"], found["faults"]) == (None, [], [])
    assert (found["stream"], found["nearMisses"]) == (None, [])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", RUNS, 200),
        ("GET", f"{RUNS}?limit=x", 422),
        ("GET", f"{RUNS}/{ID}", 404),
        ("POST", f"{RUNS}/{ID}/cancel", 404),
    ],
)
def test_the_place_in_the_contract_is_that_of_the_answer(
    mock_world: MockWorld, method: str, path: str, status: int
) -> None:
    """A JSON pointer into openapi.yaml that leads to the declaration of that very status."""
    found = entry(mock_world.client, mock_world.client.request(method, path))
    place = found["contract"]["location"]
    assert place.endswith(f"/{method.lower()}/responses/{status}")
    assert at(place) == at(place.rpartition("/")[0])[str(status)]
    assert found["contract"]["because"] == "declared"


def test_an_answer_that_the_contract_does_not_declare_has_no_place_in_it(
    mock_world: MockWorld,
) -> None:
    """And the entry says so: a method that is not there, a status that is not there."""
    found = entry(mock_world.client, mock_world.client.post(RUNS))
    assert found["contract"] == {"location": None, "because": "no operation"}
    mock_world.client.put("/_mock/behaviour", json={"behaviour": {"Q02": "bad_request"}})
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    answer = mock_world.client.post(f"{RUNS}/{run_id}/cancel")
    assert answer.status_code == 400
    found = entry(mock_world.client, answer)
    assert found["contract"] == {"location": None, "because": "undeclared status"}


def test_every_flaw_is_in_the_entry(mock_world: MockWorld) -> None:
    """As in the answer."""
    answer = mock_world.client.get(f"{RUNS}?limit=x&offset=-1")
    assert entry(mock_world.client, answer)["flaws"] == answer.json()["detail"]


def test_the_open_question_is_shown_with_the_answer_in_force(mock_world: MockWorld) -> None:
    """Its number, its words, the answer, and what that answer means."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    answer = mock_world.client.post(f"{RUNS}/{run_id}/cancel")
    found = entry(mock_world.client, answer)
    assert found["question"] == {
        "number": "Q02",
        "question": "What does a cancel of a finished run return?",
        "answer": "conflict",
        "meaning": "409; the run does not change.",
    }
    assert found["reason"] == answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "question"),
    [
        ("GET", f"{RUNS}?status=done", None, "Q05"),
        ("GET", f"{RUNS}?limit=0", None, "Q06"),
        ("GET", f"{RUNS}/{ID}", None, "Q09"),
        ("GET", f"{RUNS}/RUN/events", None, "Q13"),
        ("POST", f"{RUNS}/RUN/retry", {"mode": "from_step"}, "Q15"),
        ("POST", f"{RUNS}/RUN/retry", {"mode": "from_step", "stepKey": "no"}, "Q16"),
        ("POST", f"{RUNS}/RUN/retry", {}, "Q04"),
        ("POST", f"{RUNS}/RUN/retry", {"mode": "full"}, "Q01"),
        ("GET", RUNS, None, None),
        ("GET", f"{RUNS}/RUN/steps", None, None),
    ],
)
def test_each_answer_names_the_question_it_hangs_on(
    mock_world: MockWorld, method: str, path: str, body: Any, question: str | None
) -> None:
    """Whether it was a success, an error or a flaw."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    answer = mock_world.client.request(method, path.replace("RUN", run_id), json=body)
    found = entry(mock_world.client, answer)["question"]
    assert (found and found["number"]) == question


def test_the_answer_in_force_is_the_one_of_that_moment() -> None:
    """A mock that plays another profile explains by it."""
    behaviour = Behaviour(foreign_run=ForeignRun.FORBIDDEN)
    with serving(Settings(behaviour=behaviour)) as base_url:
        owner, other = (MockWorld(base_url, f"test-{name}", runs=0, live=0) for name in "ab")
        answer = other.client.get(f"{RUNS}/{owner.create('hang')}")
        found = entry(other.client, answer)
        assert (found["status"], found["question"]["answer"]) == (403, "forbidden")
        owner.close()
        other.close()


def test_filters_narrow_the_list_and_the_count(mock_world: MockWorld) -> None:
    """By operation, status or class of it, number, method, flaws; newest first, at most limit."""
    client = mock_world.client
    run_id = mock_world.create("hang")
    answers = [
        client.get(RUNS),
        client.get(f"{RUNS}/{run_id}"),
        client.get(f"{RUNS}/{ID}"),
        client.get(f"{RUNS}?limit=x"),
        client.post(f"{RUNS}/{run_id}/cancel"),
        client.get("/api/v1/nothing"),
    ]
    numbers = [int(answer.headers["x-mock-request"]) for answer in answers]

    def passing(**filters: str | int) -> list[int]:
        found = [numbers.index(one["number"]) for one in listed(mock_world, **filters)]
        count = client.get("/_mock/requests/count", params=filters).json()
        assert count["total"] == len(found)
        assert sum(count["byOperation"].values()) == sum(count["byStatus"].values()) == len(found)
        return found

    assert passing() == [5, 4, 3, 2, 1, 0]
    assert passing(operation="getRun") == [2, 1]
    assert passing(operation="none") == [5]
    assert passing(status="404") == [5, 2]
    assert passing(status="4xx") == [5, 3, 2]
    assert passing(status="2xx", method="GET") == [1, 0]
    assert passing(method="POST") == [4]
    assert passing(**{"from": numbers[3]}) == [5, 4, 3]
    assert passing(**{"with": "flaws"}) == [3]
    assert passing(**{"with": "faults"}) == []
    page = client.get("/_mock/requests?limit=2").json()
    assert [one["number"] for one in page["items"]] == numbers[:3:-1]
    assert page["total"] == 6


@pytest.mark.parametrize(
    "query",
    ["status=40", "status=abc", "limit=-1", "limit=1001", "from=0", "method=get", "with=luck"],
)
def test_a_filter_that_makes_no_sense_is_refused(mock_world: MockWorld, query: str) -> None:
    """With what it should be."""
    assert mock_world.client.get(f"/_mock/requests?{query}").status_code == 422
    assert mock_world.client.get("/_mock/requests/first").status_code == 422


def test_a_number_that_no_journal_has_is_explained(mock_world: MockWorld) -> None:
    """404, and what may have become of it."""
    answer = mock_world.client.get("/_mock/requests/999999999")
    assert answer.status_code == 404
    assert "is in no journal" in answer.json()["detail"]


def test_the_journal_is_cleared_and_begins_again_with_its_world(mock_world: MockWorld) -> None:
    """Clearing says how many there were; a reset world has asked nothing yet."""
    for _ in range(3):
        mock_world.client.get(RUNS)
    assert mock_world.client.delete("/_mock/requests").json() == {"cleared": 3}
    assert listed(mock_world) == []
    mock_world.client.get(RUNS)
    mock_world.client.post("/_mock/reset", json={"runs": 0, "live": 0})
    assert listed(mock_world) == []


def test_the_newest_thousand_are_kept(mock_world: MockWorld) -> None:
    """And no more: older ones make room."""
    first, *_, last = (mock_world.client.get(f"{RUNS}?limit=0") for _ in range(MAX_EXCHANGES + 1))
    items = listed(mock_world, limit=1000)
    assert len(items) == MAX_EXCHANGES
    assert items[0]["number"] == int(last.headers["x-mock-request"])
    gone = mock_world.client.get(f"/_mock/requests/{first.headers['x-mock-request']}")
    assert gone.status_code == 404


def test_requests_without_a_world_are_listed_apart(
    mock_world: MockWorld, anonymous: httpx2.Client
) -> None:
    """Without a good credential no world is concerned; ``whose`` finds them."""
    answer = anonymous.get(RUNS, headers={"X-API-Key": "unknown-to-all"})
    number = int(answer.headers["x-mock-request"])
    assert answer.status_code == 401
    assert number not in [one["number"] for one in listed(mock_world, limit=1000)]
    for whose in ("none", "nobody", "all"):
        found = listed(mock_world, whose=whose, **{"from": number})
        stray = next(one for one in found if one["number"] == number)
        assert (stray["tenant"], stray["credential"], stray["at"]) == (None, "apiKey", None)
        assert stray["question"]["number"] == "Q08"
        assert stray["contract"]["location"].endswith("/get/responses/401")


def test_a_stream_is_listed_while_it_is_open(mock_world: MockWorld) -> None:
    """Open first, then ended, with the bytes sent so far and in the end."""
    run_id = mock_world.create("quick-success")
    with mock_world.client.stream("GET", f"{RUNS}/{run_id}/events") as answer:
        pieces = answer.iter_bytes()
        first = len(next(pieces))
        found = entry(mock_world.client, answer)
        assert (found["stream"], found["durationMs"], found["status"]) == ("open", None, 200)
        assert found["bytesSent"] >= first
        mock_world.advance(60)
        rest = sum(map(len, pieces))
    found = entry(mock_world.client, answer)
    assert found["stream"] == "ended"
    assert found["bytesSent"] == first + rest
    assert found["durationMs"] > 0


SECRETS = ["s3cr3t-of-alice", "Zm9vOmJhcg==", "unknown-key-0815", "cookie-value-4711", "tok/en+42"]


def test_no_credential_is_in_any_answer_of_the_control_api(
    mock_world: MockWorld, anonymous: httpx2.Client
) -> None:
    """Neither of those that opened a world nor of those that were refused, from wherever they came
    and wherever else they stood."""
    alice, basic, unknown, cookie, token = SECRETS
    key = mock_world.key
    run_id = mock_world.create("hang")
    ways: list[dict[str, str]] = [
        {"X-API-Key": f"{key}:{alice}"},
        {"Authorization": f"Bearer {key}:{alice}"},
        {"Cookie": f"theme=dark; vai_token={key}:{alice}; sid={cookie}"},
        {"Authorization": f"Basic {basic}", "X-API-Key": key},
        {"X-API-Key": unknown},
        {"Authorization": f"Bearer {unknown}", "User-Agent": f"app/{unknown}"},
        {"Cookie": f"vai_token={cookie}"},
        {"X-API-Key": key, "X-Auth-Token": token, "Last-Event-ID": token},
    ]
    for headers in ways:
        given = next(secret for secret in SECRETS if any(secret in v for v in headers.values()))
        for path in (
            f"{RUNS}?access_token={alice}&status={given}",
            f"{RUNS}?limit=1&note={given}",
            f"{RUNS}/{run_id}/events?token={unknown}&limit=x",
            f"{RUNS}/{given}",
            f"/api/v1/{given}/runs?api_key={cookie}",
        ):
            if path.startswith(f"{RUNS}/{run_id}/events"):
                with anonymous.stream("GET", path, headers=headers):
                    pass
            else:
                anonymous.get(path, headers=headers)
    shown = [
        anonymous.get(path, headers=headers).text
        for headers in [{"X-API-Key": key}, *ways]
        for path in (
            "/_mock/requests?limit=1000",
            "/_mock/requests?limit=1000&whose=none",
            "/_mock/requests/count?whose=all",
            "/_mock/coverage",
            "/_mock/metrics",
            "/_mock/clock",
            "/_mock/worlds",
            "/_mock/health",
        )
    ]
    assert any("[redacted]" in text for text in shown)
    for secret in SECRETS:
        for text in shown:
            assert secret not in text
            assert secret.replace("/", "%2F").replace("+", "%2B") not in text
    numbers = [one["number"] for one in listed(mock_world, whose="all", limit=80)]
    for number in numbers:
        text = anonymous.get(f"/_mock/requests/{number}").text
        assert not [secret for secret in SECRETS if secret in text]


def test_a_fault_that_was_played_is_named(mock_world: MockWorld) -> None:
    """In the entry, which the filter finds; the answers before and after have none."""
    mock_world.client.get(RUNS)
    rule = {"status": {"code": 503}, "operations": ["listRuns"], "count": 1}
    mock_world.client.post("/_mock/faults", json=rule).raise_for_status()
    answer = mock_world.client.get(RUNS)
    mock_world.client.get(RUNS)
    assert answer.status_code == 503
    (found,) = listed(mock_world, **{"with": "faults"})
    assert found["number"] == int(answer.headers["x-mock-request"])
    assert found["faults"] == ["status"]
    assert found["contract"] == {"location": None, "because": "undeclared status"}


def test_an_answer_that_was_broken_off_is_journalled(mock_world: MockWorld) -> None:
    """Though the client never got a number for it."""
    mock_world.client.post("/_mock/faults", json={"drop": {}, "count": 1}).raise_for_status()
    with pytest.raises(httpx2.RemoteProtocolError):
        mock_world.client.get(RUNS)
    (found,) = listed(mock_world)
    assert (found["operation"], found["tenant"]) == ("listRuns", mock_world.key)
    assert found["faults"] == ["drop"]


@pytest.mark.parametrize(("content", "question"), [(b"", "Q17"), (b"{}", "Q01")])
def test_a_retry_without_a_body_hangs_on_a_question_of_its_own(
    mock_world: MockWorld, content: bytes, question: str
) -> None:
    """Another backend would refuse it."""
    run_id = mock_world.create("flaky")
    mock_world.advance(60)
    headers = {"Content-Type": "application/json"}
    path = f"{RUNS}/{run_id}/retry"
    answer = mock_world.client.post(path, content=content, headers=headers)
    assert answer.status_code == 200
    assert entry(mock_world.client, answer)["question"]["number"] == question


@pytest.mark.parametrize(
    ("query", "ignored"),
    [
        ("limit=1", []),
        ("limt=1", ["limt"]),
        ("status[]=failed&limt=1&limt=2", ["status[]", "limt"]),
        ("status%5B%5D=failed", ["status[]"]),
        ("LIMIT=1&Limit=2", ["LIMIT", "Limit"]),
        ("=1&limit=1&", [""]),
        ("lastEventId=3", ["lastEventId"]),
        ("__code=200", []),
    ],
)
def test_ignored_parameters_are_listed(
    mock_world: MockWorld, query: str, ignored: list[str]
) -> None:
    """Many services ignore what they do not know; a misspelt filter is found in the journal."""
    assert mock_world.client.get(f"{RUNS}?{query}").status_code == 200
    entry = mock_world.control("requests", "GET")["items"][0]
    assert entry["ignored"] == [["query", name] for name in ignored]


def test_ignored_properties_are_listed(mock_world: MockWorld) -> None:
    """Those of a body as well; a secret in a name is not."""
    run_id = mock_world.create("quick-success")
    mock_world.client.post(f"{RUNS}/{run_id}/retry?x=1", json={"stepkey": "a", mock_world.key: 1})
    entry = mock_world.control("requests", "GET")["items"][0]
    assert entry["ignored"][:2] == [["query", "x"], ["body", "stepkey"]]
    mock_world.client.post(f"{RUNS}/{run_id}/cancel?token=hunter22&hunter22=1")
    entry = mock_world.control("requests", "GET")["items"][0]
    assert entry["ignored"] == [["query", "token"], ["query", "[redacted]"]]


def test_a_parameter_that_is_an_error_is_not_ignored(mock_world: MockWorld) -> None:
    """Where unknown parameters are errors, the entry has the error."""
    mock_world.control("reset", runs=0, live=0, behaviour={"Q07": "invalid"})
    mock_world.client.get(f"{RUNS}?limt=1")
    entry = mock_world.control("requests", "GET")["items"][0]
    assert (entry["ignored"], entry["flaws"][0]["loc"]) == ([], ["query", "limt"])
