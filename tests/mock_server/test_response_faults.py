"""Faults of answers, each as a client sees it."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_http import answer, content_length, opened, read

from mock_server.engine.behaviour import find
from mock_server.engine.randomness import SeededRandom
from mock_server.faults import registry
from mock_server.faults.response_faults import MAX_DELAY, Latency
from mock_server.resources import behaviours_dir
from mock_server.settings import Settings
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"
PATIENCE = 20.0


@pytest.fixture
def run(mock_world: MockWorld) -> str:
    """The path of a run that goes on for ever."""
    return f"{RUNS}/{mock_world.create('hang')}"


def fault(world: MockWorld, **rule: Any) -> None:
    reply = world.client.post("/_mock/faults", json=rule)
    assert reply.status_code == 201, reply.text


def await_applied(world: MockWorld) -> None:
    """Returns when the only rule has been met."""
    for _ in range(2_000):
        [shown] = world.client.get("/_mock/faults").json()["items"]
        if shown["applied"]:
            return
    raise TimeoutError("no request met the rule")


def test_latency_holds_an_answer_back(mock_world: MockWorld, run: str) -> None:
    """By real time, and then the answer is what it is."""
    fault(mock_world, latency={"takes": "60ms"})
    before = time.monotonic()
    reply = mock_world.client.get(run)
    assert time.monotonic() - before >= 0.06
    assert reply.json()["status"] == "pending"


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), least=st.integers(0, 30_000), more=st.integers(0, 30_000))
def test_latency_of_a_range_stays_within(seed: int, least: int, more: int) -> None:
    """Both ends included."""
    latency = Latency.model_validate({"takes": f"{least}ms..{least + more}ms"})
    assert least <= latency.draw(SeededRandom(seed)) <= least + more


def test_lognormal_latency_has_its_median_and_its_tail() -> None:
    """Half are longer than the median, a few much longer, none longer than a minute."""
    latency = Latency.model_validate({"median": "400ms", "sigma": 1})
    drawn = sorted(latency.draw(SeededRandom(seed)) for seed in range(2_000))
    assert 370 < drawn[1_000] < 430
    assert 0.12 < sum(one > 400 * 2.718 for one in drawn) / 2_000 < 0.2
    steep = Latency.model_validate({"median": "60s", "sigma": 3})
    assert max(steep.draw(SeededRandom(seed)) for seed in range(100)) == MAX_DELAY


def test_a_client_that_leaves_ends_the_pause(mock_world: MockWorld, run: str) -> None:
    """The response is not sent; the operation is executed, because the request had arrived."""
    fault(mock_world, latency={"takes": "60s"}, operations=["cancelRun"])
    connection = opened(mock_world, f"{run}/cancel", "POST")
    await_applied(mock_world)
    assert mock_world.client.get(run).json()["status"] == "pending"
    connection.close()
    give_up = time.monotonic() + PATIENCE
    while mock_world.client.get(run).json()["status"] != "cancelled":
        assert time.monotonic() < give_up


def test_a_reset_ends_the_pause(mock_world: MockWorld, run: str) -> None:
    """The answer is that of the fresh world."""
    fault(mock_world, latency={"takes": "60s"})
    connection = opened(mock_world, run)
    await_applied(mock_world)
    mock_world.client.post("/_mock/reset", json={"runs": 0, "live": 0, "scale": 0})
    assert read(connection).startswith(b"HTTP/1.1 404")


def test_a_server_that_stops_ends_the_pause() -> None:
    """It answers first."""
    with serving() as base_url:
        world = MockWorld(base_url, "test-stop", scale=0, runs=0, live=0)
        run_id = world.create("hang")
        fault(world, latency={"takes": "60s"})
        connection = opened(world, f"{RUNS}/{run_id}")
        await_applied(world)
        world.close()
        before = time.monotonic()
    assert read(connection).startswith(b"HTTP/1.1 200")
    assert time.monotonic() - before < PATIENCE


def test_what_happens_during_a_pause_is_in_the_answer(mock_server_url: str) -> None:
    """A late response has the state at the time it is sent: here a minute in every 60 ms."""
    world = MockWorld(mock_server_url, "test-late-answer", scale=1_000, runs=0, live=0)
    run_id = world.create("quick-success")
    fault(world, latency={"takes": "60ms"})
    assert world.run(run_id)["status"] == "completed"
    world.close()


@pytest.mark.parametrize(
    ("status", "code", "body", "headers"),
    [
        ({}, 503, {"detail": "Service Unavailable"}, {}),
        ({"code": 429, "retryAfter": "1.5s"}, 429, None, {"Retry-After": "2"}),
        ({"code": 401, "detail": "Gone"}, 401, {"detail": "Gone"}, {"WWW-Authenticate": "Bearer"}),
        ({"code": 500, "retryAfter": "1m"}, 500, None, {"Retry-After": "60"}),
    ],
)
def test_a_status_comes_with_the_contract_s_body(
    mock_world: MockWorld, run: str, status: Any, code: int, body: Any, headers: dict[str, str]
) -> None:
    """And with the headers that such an answer has."""
    fault(mock_world, status=status)
    reply = mock_world.client.get(run)
    assert reply.status_code == code
    assert reply.json() == body if body else list(reply.json()) == ["detail"]
    assert headers.items() <= {k: reply.headers.get(k) for k in headers}.items()


def test_a_validation_error_has_the_documented_body(mock_world: MockWorld, run: str) -> None:
    """A list of what is wrong, with loc, msg and type."""
    fault(mock_world, status={"code": 422, "detail": "No"})
    detail = mock_world.client.get(run).json()["detail"]
    assert detail == [{"loc": ["body"], "msg": "No", "type": "value_error"}]


def test_a_status_has_the_body_of_the_behaviour() -> None:
    """Where errors are problem details, these are too."""
    settings = Settings(behaviour=find("problem-details", behaviours_dir()))
    with serving(settings) as base_url:
        world = MockWorld(base_url, "test-problem", scale=0, runs=0, live=0)
        fault(world, status={"code": 503})
        reply = world.client.get(RUNS)
        world.close()
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["status"] == 503


def test_a_status_is_in_place_of_the_operation(mock_world: MockWorld, run: str) -> None:
    """What was asked for is not done."""
    fault(mock_world, status={"code": 500}, operations=["cancelRun"])
    assert mock_world.client.post(f"{run}/cancel").status_code == 500
    assert mock_world.client.get(run).json()["status"] == "pending"


def test_malformed_json_is_whole_as_http(mock_world: MockWorld, run: str) -> None:
    """Its length is right, and it cannot be read."""
    whole = mock_world.client.get(run).content
    fault(mock_world, malformed={})
    head, body = answer(mock_world, run)
    assert head.startswith(b"HTTP/1.1 200")
    assert content_length(head) == len(body)
    assert whole.startswith(body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


@pytest.mark.parametrize("keep", [0, 0.5, 0.99])
def test_a_truncated_body_is_shorter_than_it_says(
    mock_world: MockWorld, run: str, keep: float
) -> None:
    """The connection closes before Content-Length is reached."""
    whole = mock_world.client.get(run).content
    fault(mock_world, truncated={"keep": keep})
    head, body = answer(mock_world, run)
    assert content_length(head) == len(whole)
    assert body == whole[: int(len(whole) * keep)]


def test_faults_apply_to_error_responses(mock_world: MockWorld) -> None:
    """A 404 can be truncated too."""
    fault(mock_world, truncated={})
    head, body = answer(mock_world, f"{RUNS}/497f6eca-6276-4993-bfeb-53cbbbba6f08")
    assert head.startswith(b"HTTP/1.1 404")
    assert content_length(head) > len(body) > 0


def test_a_dribbled_body_takes_its_time_and_is_whole(mock_world: MockWorld, run: str) -> None:
    """Nothing is lost."""
    whole = mock_world.client.get(run).content
    fault(mock_world, dribble={"chunks": 4, "over": "60ms"})
    before = time.monotonic()
    with mock_world.client.stream("GET", run) as reply:
        pieces = list(reply.iter_raw())
    assert time.monotonic() - before >= 0.06
    assert len(pieces) > 1
    assert b"".join(pieces) == whole


def test_a_dropped_connection_gives_nothing(mock_world: MockWorld, run: str) -> None:
    """Not a byte; and what was asked for has been done."""
    fault(mock_world, drop={}, operations=["cancelRun"])
    assert read(opened(mock_world, f"{run}/cancel", "POST")) == b""
    assert mock_world.client.get(run).json()["status"] == "cancelled"


def test_a_reset_connection_is_an_error_of_the_socket(mock_world: MockWorld, run: str) -> None:
    """Not an orderly end."""
    fault(mock_world, drop={"reset": True})
    with pytest.raises(ConnectionResetError):
        read(opened(mock_world, run))


@pytest.mark.parametrize("after", [0, 10])
def test_a_connection_is_dropped_within_the_body(
    mock_world: MockWorld, run: str, after: int
) -> None:
    """Behind so many bytes."""
    fault(mock_world, drop={"after": after})
    head, body = answer(mock_world, run)
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) == after


def test_faults_of_one_rule_apply_to_the_same_response(mock_world: MockWorld, run: str) -> None:
    """Late, an error, half of it, in pieces."""
    fault(
        mock_world,
        latency={"takes": "40ms"},
        status={"code": 502},
        truncated={},
        dribble={"over": "40ms"},
    )
    before = time.monotonic()
    head, body = answer(mock_world, run)
    assert time.monotonic() - before >= 0.08
    assert head.startswith(b"HTTP/1.1 502")
    assert content_length(head) == 2 * len(body)


def test_faults_of_several_rules_apply_to_the_same_response(
    mock_world: MockWorld, run: str
) -> None:
    """Whatever their order: the body is corrupted, wherever it comes from."""
    fault(mock_world, truncated={"keep": 0.5})
    fault(mock_world, status={"code": 502})
    head, body = answer(mock_world, run)
    assert head.startswith(b"HTTP/1.1 502")
    assert content_length(head) == 2 * len(body)


def test_two_kinds_of_fault_have_two_names() -> None:
    """One would silently take the place of the other."""
    latency = registry.KINDS["latency"]
    other = type("Other", (latency,), {"__module__": latency.__module__})
    with pytest.raises(ValueError, match=r"Other: .*'latency' of Latency\."):
        registry.by_name([latency, other])
