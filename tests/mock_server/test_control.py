"""The control API: worlds, clocks, runs to order."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import httpx2
import pytest
from plain_yaml import parse_yaml

from mock_server import resources
from mock_server.engine.behaviour import Behaviour
from mock_server.engine.clock import from_text
from mock_server.settings import Access, Settings
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"
ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
OTHERWISE = Behaviour(**{field.name: [*type(field.default)][-1] for field in fields(Behaviour)})


def post(world: MockWorld, path: str, body: Any = None) -> dict[str, Any]:
    answer = world.client.post(f"/_mock{path}", json=body)
    assert answer.is_success, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def clock(world: MockWorld) -> dict[str, Any]:
    shown: dict[str, Any] = world.client.get("/_mock/clock").json()
    return shown


def test_advance_answers_when_everything_has_happened(mock_world: MockWorld) -> None:
    """The very next request sees the end of it."""
    run_id = mock_world.create("quick-success")
    before = from_text(clock(mock_world)["now"])
    shown = post(mock_world, "/clock/advance", {"seconds": 3.5})
    assert from_text(shown["now"]) - before == 3_500
    assert mock_world.run(run_id)["status"] == "running"
    assert from_text(shown["nextDueAt"]) - before == 4_000
    post(mock_world, "/clock/advance", {"seconds": 0.5})
    assert mock_world.run(run_id)["status"] == "completed"


def test_a_clock_is_frozen_resumed_and_scaled(mock_world: MockWorld) -> None:
    """Each answer shows the clock as it is then."""
    assert clock(mock_world)["frozen"] is True
    assert post(mock_world, "/clock/scale", {"scale": 0.5})["frozen"] is True
    shown = post(mock_world, "/clock/resume")
    assert (shown["frozen"], shown["scale"]) == (False, 0.5)
    stopped = post(mock_world, "/clock/freeze")
    assert stopped["frozen"] is True
    assert clock(mock_world)["now"] == stopped["now"]


def test_a_reset_begins_with_the_given_start(mock_world: MockWorld) -> None:
    """Time, seed, and how much there is; the same start gives the same bytes."""
    sent_start = {"now": "2026-03-02T08:15:00Z", "seed": 7, "runs": 20, "live": 2, "scale": 0}
    shown = post(mock_world, "/reset", sent_start)
    assert shown["now"] == "2026-03-02T08:15:00.000Z"
    assert (shown["seed"], shown["runs"]) == (7, 22)
    first = mock_world.client.get(f"{RUNS}?limit=1000").content
    post(mock_world, "/reset", sent_start)
    assert mock_world.client.get(f"{RUNS}?limit=1000").content == first


def test_a_reset_without_a_body_opens_the_world_again(mock_world: MockWorld) -> None:
    """With what the mock was started with."""
    assert post(mock_world, "/reset")["runs"] > 60


def test_a_created_run_says_where_it_is(mock_world: MockWorld) -> None:
    """The run itself, and its location."""
    answer = mock_world.client.post("/_mock/runs", json={"scenario": "diamond"})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{RUNS}/{answer.json()['id']}"
    assert mock_world.client.get(answer.headers["location"]).json() == answer.json()


def test_every_listed_scenario_can_be_created(mock_world: MockWorld) -> None:
    """What is listed works."""
    listed = mock_world.client.get("/_mock/scenarios").json()["items"]
    assert len(listed) >= 12
    for scenario in listed:
        run_id = mock_world.create(scenario["name"])
        steps = mock_world.client.get(f"{RUNS}/{run_id}/steps").json()["steps"]
        assert len(steps) == scenario["steps"]


@pytest.mark.parametrize("way", ["parameter", "key", "default"])
def test_the_world_is_named_by_parameter_credential_or_default(
    mock_world: MockWorld, anonymous: httpx2.Client, way: str
) -> None:
    """In that order."""
    query = {"world": mock_world.key} if way == "parameter" else {}
    headers = {
        "parameter": {"X-API-Key": "demo"},
        "key": {"X-API-Key": f"{mock_world.key}:alice"},
        "default": {},
    }[way]
    answer = anonymous.get("/_mock/clock", params=query, headers=headers)
    assert answer.json()["world"] == ("demo" if way == "default" else mock_world.key)


def test_health_counts_what_is_open(mock_world: MockWorld) -> None:
    """Worlds and streams."""
    run_id = mock_world.create("hang")
    before = mock_world.client.get("/_mock/health").json()
    with mock_world.client.stream("GET", f"{RUNS}/{run_id}/events") as answer:
        pieces = answer.iter_text()
        next(pieces)
        during = mock_world.client.get("/_mock/health").json()
    assert before["status"] == "ok"
    assert during["streams"] == before["streams"] + 1
    names = [world["name"] for world in mock_world.client.get("/_mock/worlds").json()["items"]]
    assert mock_world.key in names
    assert before["worlds"] == len(names)


@pytest.mark.parametrize(
    ("path", "body", "status", "part"),
    [
        ("/runs", {"scenario": "dimond"}, 404, "diamond"),
        ("/runs", {}, 422, "scenario"),
        ("/runs", None, 422, "body"),
        ("/runs", {"scenario": "diamond", "when": "now"}, 422, "when"),
        ("/runs?world=nowhere", {"scenario": "diamond"}, 404, "test-"),
        ("/runs?world=No%20Body", {"scenario": "diamond"}, 422, "pattern"),
        ("/clock/advance", {"seconds": -1}, 422, "greater than or equal to 0"),
        ("/clock/advance", {"seconds": 1e9}, 422, "less than or equal to 2678400"),
        ("/clock/advance", {"seconds": "5"}, 422, "valid number"),
        ("/clock/scale", {"scale": 0}, 422, "greater than or equal to 0.001"),
        ("/reset", {"scale": 0.0001}, 422, "minimum of 0.001"),
        ("/reset", {"scale": -1}, 422, "minimum of 0.001"),
        ("/reset", {"scale": 100_001}, 422, "less than or equal to 100000"),
        ("/reset?wrold=test-x", {}, 422, "wrold"),
        ("/clock/freeze?World=test-x", None, 422, "extra_forbidden"),
        ("/reset", {"now": "2026-03-02T08:15:00"}, 422, "datetime"),
        ("/reset", {"now": "1969-03-02T08:15:00Z"}, 422, "1970"),
        ("/reset", {"runs": 10_001}, 422, "10000"),
        ("/reset", {"seed": 1.5}, 422, "integer"),
    ],
)
def test_a_mistake_is_explained(
    mock_world: MockWorld, path: str, body: Any, status: int, part: str
) -> None:
    """By what is wrong, and where there is a choice, by what there is; nothing happens."""
    mock_world.create("hang")
    before = mock_world.client.get(RUNS).content, clock(mock_world)
    answer = mock_world.client.post(f"/_mock{path}", json=body)
    assert answer.status_code == status, answer.text
    assert part in answer.text
    assert (mock_world.client.get(RUNS).content, clock(mock_world)) == before


def test_a_credential_that_opens_no_world_is_rejected_and_not_repeated(
    anonymous: httpx2.Client,
) -> None:
    """A mistyped key does not end up in another world."""
    answer = anonymous.post("/_mock/reset", headers={"X-API-Key": "dmeo"})
    assert answer.status_code == 404
    assert "no world that this credential opens" in answer.json()["detail"]
    assert "dmeo" not in answer.text


@pytest.fixture(scope="module")
def otherwise() -> Iterator[str]:
    """A mock that answers every open question of the contract otherwise."""
    with serving(Settings(behaviour=OTHERWISE, start="empty")) as url:
        yield url


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/requests/999999", 404),
        ("GET", "/clock?world=nowhere", 404),
        ("PUT", "/clock", 405),
        ("POST", "/runs", 422),
    ],
)
def test_it_answers_alike_whatever_the_behaviour(
    otherwise: str, method: str, path: str, status: int
) -> None:
    """Its errors are those that its document declares, also where the mock and the world answer
    every open question otherwise."""
    with httpx2.Client(base_url=otherwise, headers={"X-API-Key": "demo"}) as client:
        answer = client.request(method, f"/_mock{path}")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert set(answer.json()) == {"detail"}


def test_it_checks_alike_whatever_the_behaviour(otherwise: str) -> None:
    """A limit of 0 is as good as ever, an unknown parameter as bad."""
    with httpx2.Client(base_url=otherwise, headers={"X-API-Key": "demo"}) as client:
        assert client.get("/_mock/requests?limit=0").status_code == 200
        assert client.get("/_mock/requests?a=1").status_code == 422
        assert client.get(f"{RUNS}?limit=0").status_code == 422
        assert client.get(f"{RUNS}?a=1").status_code == 422
        answer = client.get(f"{RUNS}/{ID}")
        assert answer.headers["content-type"] == "application/problem+json"


def test_its_token_is_asked_for_alike_whatever_the_behaviour() -> None:
    """Before any operation is found."""
    settings = Settings(behaviour=OTHERWISE, start="empty", access=Access(token="word"))
    with serving(settings) as url:
        answer = httpx2.get(f"{url}/_mock/clock")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"detail"}


def test_every_operation_refuses_a_query_parameter_that_it_does_not_list(
    anonymous: httpx2.Client,
) -> None:
    """As its document declares."""
    control = parse_yaml(resources.control_file().read_text(encoding="utf-8"))
    for template, item in control["paths"].items():
        for method in item.keys() - {"parameters"}:
            assert "422" in item[method]["responses"]
            path = re.sub("{.*}", "1", template)
            answer = anonymous.request(method.upper(), f"/_mock{path}?wrold=test-x")
            error_detail = {
                "loc": ["query", "wrold"],
                "msg": "Extra inputs are not permitted",
                "type": "extra_forbidden",
            }
            assert (answer.status_code, error_detail in answer.json()["detail"]) == (422, True), (
                path
            )


@pytest.mark.parametrize("path", ["health", "ready", "scenarios", "worlds", "fault-presets"])
def test_what_is_of_no_world_asks_for_none(anonymous: httpx2.Client, path: str) -> None:
    """A credential that opens nothing here does not matter."""
    answer = anonymous.get(f"/_mock/{path}", headers={"X-API-Key": "of-another-place"})
    assert answer.status_code == 200, answer.text


def test_a_request_is_explained_whatever_the_credential(
    mock_world: MockWorld, anonymous: httpx2.Client
) -> None:
    """Its number is enough."""
    number = mock_world.client.get("/api/v1/automation-runs").headers["x-mock-request"]
    unknown = {"Authorization": "Bearer of-another-place"}
    answer = anonymous.get(f"/_mock/requests/{number}", headers=unknown)
    assert answer.status_code == 200, answer.text


def test_an_advance_says_how_far(mock_world: MockWorld) -> None:
    """One of three ways; the document asks for it, and the error names them."""
    answer = mock_world.client.post("/_mock/clock/advance", json={})
    assert answer.status_code == 422
    [error_detail] = answer.json()["detail"]
    assert error_detail["loc"] == ["body"]
    assert error_detail["msg"] == "Field required: seconds, toNext or until"


def test_a_value_that_may_be_of_two_kinds_is_refused_in_words(mock_world: MockWorld) -> None:
    """Not in those of the schema's keywords."""
    answer = mock_world.client.post("/_mock/runs", json={"scenario": 5})
    assert answer.status_code == 422
    [error_detail] = answer.json()["detail"]
    assert error_detail["loc"] == ["body", "scenario"]
    assert error_detail["msg"] == "Input should be a string or an object"


def test_its_own_document_comes_as_json_too(anonymous: httpx2.Client) -> None:
    """The same, for tools that read no YAML."""
    document = anonymous.get("/_mock/openapi.json").json()
    assert document == parse_yaml(anonymous.get("/_mock/openapi.yaml").text)


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json"])
def test_no_page_shows_a_page_of_the_mock_as_part_of_itself(
    anonymous: httpx2.Client, path: str
) -> None:
    """No user presses its buttons unawares."""
    headers = anonymous.get(path).headers
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "clock/advance", {"toNext": False}, "Input should be true"),
        ("GET", f"repro/{'A' * 9_000}", None, "String should have at most 8000 characters"),
        ("POST", "repro", {"runs": []}, "List should have at least 1 item"),
    ],
)
def test_what_is_wrong_is_said_in_words(
    mock_world: MockWorld, method: str, path: str, body: Any, expected: str
) -> None:
    """Whatever the schema calls it, and without the value where that is long."""
    answer = mock_world.client.request(method, f"/_mock/{path}", json=body)
    assert answer.status_code == 422
    assert [error_detail["msg"] for error_detail in answer.json()["detail"]] == [expected]


def test_a_wait_in_vain_says_why(mock_world: MockWorld) -> None:
    """A frozen clock, or an end that was another."""
    run_id = mock_world.create("quick-success")
    path, body = f"/_mock/runs/{run_id}/wait", {"timeoutSeconds": 0, "statuses": ["failed"]}
    said = mock_world.client.post(path, json=body).json()["detail"]
    assert said.endswith("for failed: the clock is frozen, so resume or advance it.")
    mock_world.advance(60)
    said = mock_world.client.post(path, json=body).json()["detail"]
    assert said.endswith("for failed: it has ended, and goes on only when it is retried.")
