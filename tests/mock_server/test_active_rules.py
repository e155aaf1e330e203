"""Rules of faults: when they apply, how they are managed, and the presets."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from plain_yaml import parse_yaml
from write_fault_schema import rule_schema, updated

from mock_server import resources
from mock_server.app import Mock
from mock_server.engine.enums import STREAMING, Operation
from mock_server.errors import FileError
from mock_server.faults.rules import KINDS, MAX_RULES, presets
from mock_server.settings import Settings
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
PRESETS = ["dying-stream", "expired-token", "flaky", "overloaded", "slow"]
FLAKY = {"status": {"code": 500}, "probability": 0.5}


def post(world: MockWorld, path: str, body: Any = None) -> dict[str, Any]:
    reply = world.client.post(f"/_mock{path}", json=body)
    assert reply.is_success, reply.text
    shown: dict[str, Any] = reply.json()
    return shown


def fault(world: MockWorld, **rule: Any) -> dict[str, Any]:
    return post(world, "/faults", rule)


def listed(world: MockWorld) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = world.client.get("/_mock/faults").json()["items"]
    return items


def statuses(world: MockWorld, count: int) -> list[int]:
    return [world.client.get(RUNS).status_code for _ in range(count)]


def test_equal_seeds_and_equal_calls_meet_equal_faults(mock_world: MockWorld) -> None:
    """Another seed draws otherwise."""

    def draws(seed: int) -> list[int]:
        post(mock_world, "/reset", {"seed": seed, "runs": 0, "live": 0, "scale": 0})
        fault(mock_world, **FLAKY)
        fault(mock_world, status={"code": 502}, probability=0.2)
        return statuses(mock_world, 60)

    first = draws(7)
    assert draws(7) == first
    assert draws(8) != first
    assert set(first) == {200, 500, 502}


def test_what_other_operations_do_changes_no_draw(mock_world: MockWorld) -> None:
    """A rule draws for the requests that it concerns."""

    def draws(noise: int) -> list[int]:
        post(mock_world, "/reset", {"seed": 7, "runs": 0, "live": 0, "scale": 0})
        fault(mock_world, **FLAKY, operations=["listRuns"])
        found = []
        for _ in range(20):
            for _ in range(noise):
                mock_world.client.get(f"{RUNS}/497f6eca-6276-4993-bfeb-53cbbbba6f08")
            found += statuses(mock_world, 1)
        return found

    assert draws(0) == draws(2)


def test_a_count_runs_out(mock_world: MockWorld) -> None:
    """Then the rule is gone."""
    fault(mock_world, status={}, count=2)
    assert statuses(mock_world, 3) == [503, 503, 200]
    assert listed(mock_world) == []


def test_a_count_counts_what_was_applied(mock_world: MockWorld) -> None:
    """Not the requests that came off lightly."""
    fault(mock_world, **FLAKY, count=3)
    assert statuses(mock_world, 40).count(500) == 3


def test_errors_come_one_after_the_other(mock_world: MockWorld) -> None:
    """A status that is not given is kept for the next request."""
    fault(mock_world, status={"code": 500}, count=1)
    fault(mock_world, status={"code": 502}, count=2)
    assert statuses(mock_world, 4) == [500, 502, 502, 200]


def test_a_rule_lasts_on_the_world_s_clock(mock_world: MockWorld) -> None:
    """To the millisecond, however long it is in real time."""
    shown = fault(mock_world, status={}, lasts="30s")
    now = mock_world.client.get("/_mock/clock").json()["now"]
    mock_world.advance(29.999)
    assert statuses(mock_world, 1) == [503]
    assert len(listed(mock_world)) == 1
    mock_world.advance(0.001)
    assert mock_world.client.get("/_mock/clock").json()["now"] == shown["expiresAt"] > now
    assert statuses(mock_world, 1) == [200]
    assert listed(mock_world) == []


def test_a_rule_is_for_its_operations(mock_world: MockWorld) -> None:
    """Others pass."""
    run = f"{RUNS}/{mock_world.create('hang')}"
    fault(mock_world, status={}, operations=["getRun", "retryRun"])
    assert mock_world.client.get(RUNS).status_code == 200
    assert mock_world.client.get(f"{run}/steps").status_code == 200
    assert mock_world.client.get(run).status_code == 503
    assert mock_world.client.post(f"{run}/retry").status_code == 503


def test_faults_of_streams_are_for_streams(mock_world: MockWorld) -> None:
    """And use up no count elsewhere."""
    fault(mock_world, cut={}, count=1)
    assert statuses(mock_world, 3) == [200] * 3
    assert listed(mock_world)[0]["applied"] == 0


def test_another_world_is_not_disturbed(mock_world: MockWorld, mock_server_url: str) -> None:
    """Nor the control API, nor the pages."""
    fault(mock_world, status={})
    other = MockWorld(mock_server_url, f"{mock_world.key}-2", scale=0, runs=0, live=0)
    assert statuses(other, 1) == [200]
    other.close()
    for path in ("/_mock/clock", "/_mock/faults", "/", "/openapi.yaml"):
        assert mock_world.client.get(path).status_code == 200


def test_rules_are_listed_and_removed(mock_world: MockWorld) -> None:
    """One by one, or all."""
    first = fault(mock_world, status={"code": 500, "retryAfter": "90s"}, probability=0.25)
    second = fault(mock_world, latency={"takes": "1ms..2ms"}, lasts="1h")
    third = fault(mock_world, rateLimit={"limit": 5, "window": "30s"})
    assert listed(mock_world) == [first, second, third]
    assert first["rule"]["status"] == {"code": 500, "retryAfter": "90s"}
    assert first["rule"]["probability"] == 0.25
    assert second["rule"]["latency"] == {"takes": "1ms..2ms"}
    path = f"/_mock/faults/{second['id']}"
    assert mock_world.client.delete(path).status_code == 204
    assert listed(mock_world) == [first, third]
    gone = mock_world.client.delete(path)
    assert gone.status_code == 404
    assert f"{first['id']}, {third['id']}" in gone.json()["detail"]
    assert mock_world.client.delete("/_mock/faults").status_code == 204
    assert listed(mock_world) == []
    assert statuses(mock_world, 1) == [200]


def test_what_is_listed_can_be_put_in_force_again(mock_world: MockWorld) -> None:
    """A rule is shown as it is written."""
    for rule in (
        {"latency": {"median": "1.5s", "sigma": 0.5}, "operations": ["getRun"]},
        {"dribble": {}, "truncated": {}, "drop": {"after": 3}, "count": 4, "lasts": "1d"},
        {name: {} for name in KINDS},
        {"rateLimit": {}},
    ):
        shown = fault(mock_world, **rule)
        assert rule.keys() <= shown["rule"].keys()
        assert fault(mock_world, **shown["rule"])["rule"] == shown["rule"]


def test_a_reset_removes_every_rule(mock_world: MockWorld) -> None:
    """A fresh world has none."""
    fault(mock_world, status={})
    fault(mock_world, rateLimit={"limit": 0})
    post(mock_world, "/reset", {"runs": 0, "live": 0, "scale": 0})
    assert listed(mock_world) == []
    assert statuses(mock_world, 1) == [200]


def test_there_are_at_most_a_hundred_rules(mock_world: MockWorld) -> None:
    """One too many is refused; a preset that does not fit, as a whole."""
    for _ in range(MAX_RULES - 1):
        fault(mock_world, status={}, operations=["retryRun"])
    refused = mock_world.client.post("/_mock/fault-presets/flaky")
    assert refused.status_code == 409
    assert len(listed(mock_world)) == MAX_RULES - 1
    fault(mock_world, status={}, operations=["retryRun"])
    refused = mock_world.client.post("/_mock/faults", json={"status": {}})
    assert refused.status_code == 409
    assert "100" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("rule", "loc", "part"),
    [
        ({}, [], "names no fault; there are: status, altered"),
        ({"probability": 0.5}, [], "names no fault"),
        ({"latencies": {}}, ["latencies"], "not permitted"),
        ({"latency": {"takes": "61s"}}, ["latency", "takes"], "longer than 1m"),
        ({"latency": {"takes": "soon"}}, ["latency", "takes"], "write 250ms"),
        ({"latency": {"takes": "2s..1s"}}, ["latency", "takes"], "ends before it begins"),
        ({"latency": {"takes": 5}}, ["latency", "takes"], "valid string"),
        ({"latency": {"median": "1s..2s"}}, ["latency", "median"], "write one duration"),
        ({"latency": {"median": "1s", "takes": "1s"}}, ["latency"], "two ways"),
        ({"latency": {"sigma": 1}}, ["latency"], "goes with a median"),
        ({"dribble": {"over": "2m"}}, ["dribble", "over"], "longer than 1m"),
        ({"dribble": {"chunks": 1}}, ["dribble", "chunks"], "greater than or equal to 2"),
        ({"status": {"code": 200}}, ["status", "code"], "greater than or equal to 400"),
        ({"status": {"code": 499}}, ["status", "code"], "expected a status code of an HTTP error"),
        ({"status": {"retryAfter": "2d"}}, ["status", "retryAfter"], "longer than 1d"),
        ({"truncated": {"keep": 1}}, ["truncated", "keep"], "less than 1"),
        ({"status": {}, "probability": 0}, ["probability"], "greater than 0"),
        ({"status": {}, "probability": 1.1}, ["probability"], "less than or equal to 1"),
        ({"status": {}, "count": 0}, ["count"], "greater than or equal to 1"),
        ({"status": {}, "lasts": "0s"}, ["lasts"], "expected one duration"),
        ({"status": {}, "operations": ["getRuns"]}, ["operations", "0"], "'getRun'"),
        ({"cut": {}, "operations": ["getRun"]}, [], "applies to event streams only"),
        (
            {"malformed": {}, "operations": ["streamRunEvents"]},
            [],
            "applies to responses with a body only",
        ),
        ({"rateLimit": {"window": "10ms"}}, ["rateLimit", "window"], "from 1s to 31d"),
        ({"rateLimit": {}, "status": {}}, [], "stands alone"),
        ({"rateLimit": {}, "count": 1}, [], "stands alone"),
    ],
)
def test_a_bad_rule_is_refused_where_it_is_wrong(
    mock_world: MockWorld, rule: Any, loc: list[str], part: str
) -> None:
    """With the way to the place, and what would be right; nothing is put in force."""
    reply = mock_world.client.post("/_mock/faults", json=rule)
    assert reply.status_code == 422
    [error_detail] = reply.json()["detail"]
    assert error_detail["loc"] == ["body", *loc]
    assert part in error_detail["msg"]
    assert listed(mock_world) == []


def test_the_presets_are_listed_and_can_be_put_in_force(mock_world: MockWorld) -> None:
    """Each by its name, with all of its rules."""
    items = mock_world.client.get("/_mock/fault-presets").json()["items"]
    assert [item["name"] for item in items] == PRESETS
    for item in items:
        assert item["summary"]
        added = post(mock_world, f"/fault-presets/{item['name']}")["items"]
        assert [one["rule"] for one in added] == item["rules"]
        assert listed(mock_world) == added
        mock_world.client.delete("/_mock/faults")
    unknown = mock_world.client.post("/_mock/fault-presets/fast")
    assert unknown.status_code == 404
    assert "dying-stream, expired-token" in unknown.json()["detail"]


def test_a_flaky_mock_fails_now_and_then(mock_world: MockWorld) -> None:
    """Most requests succeed; the rest fail in more than one way."""
    post(mock_world, "/fault-presets/flaky")
    seen: list[object] = []
    for _ in range(120):
        try:
            seen.append(mock_world.client.get(RUNS).status_code)
        except httpx2.RemoteProtocolError as error:
            seen.append("without sending a response" in str(error))
    assert set(seen) == {200, 500, 502, True, False}
    assert 60 < seen.count(200) < 110


def test_an_expired_token_is_refused_as_such(mock_world: MockWorld) -> None:
    """On every operation, until a sign-in: until the rule is gone."""
    post(mock_world, "/fault-presets/expired-token")
    reply = mock_world.client.get(RUNS)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.json() == {"detail": "Invalid or expired credential"}


def test_a_dying_stream_is_read_to_its_end_all_the_same(mock_world: MockWorld) -> None:
    """A client that reconnects with the last id it has seen gets everything once."""
    run_id = mock_world.create("diamond")
    mock_world.advance(60)
    post(mock_world, "/fault-presets/dying-stream")
    seen: list[str] = []
    for _ in range(8):
        text = ""
        headers = {"Last-Event-ID": seen[-1] if seen else "0"}
        with mock_world.client.stream("GET", f"{RUNS}/{run_id}/events", headers=headers) as reply:
            if reply.status_code == 204:
                break
            with suppress(httpx2.RemoteProtocolError):
                for piece in reply.iter_text():
                    text += piece
        for frame in text.split("\n\n")[:-1]:
            seen += [line[4:] for line in frame.split("\n") if line.startswith("id: ")]
    assert seen == [str(number) for number in range(1, 12)]


def test_an_exchange_names_its_faults() -> None:
    """Those that had an effect, in the order in which they had it."""
    asyncio.run(_named())


async def _named() -> None:
    mock = Mock(Settings(now=0, scale=0))
    transport = httpx2.ASGITransport(app=mock)
    headers = {"X-API-Key": "test-named", "Host": "localhost"}
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://localhost", headers=headers
    ) as client:
        rule = {"latency": {"takes": "0ms"}, "status": {}, "malformed": {}, "cut": {}, "count": 1}
        assert (await client.post("/_mock/faults", json=rule)).status_code == 201
        assert (await client.get(RUNS)).status_code == 503
        await client.get(RUNS)
        first, second = (await mock.worlds.open("test-named")).journal
    assert first.faults == ("latency", "status", "malformed")
    assert second.faults == ()


def test_the_control_document_has_the_schema_of_the_rules() -> None:
    """After a change: ``python tests/mock_server/write_fault_schema.py``, and read the diff."""
    document = resources.control_file().read_text(encoding="utf-8")
    schemas = parse_yaml(document)["components"]["schemas"]
    assert schemas["FaultRule"] == rule_schema()
    assert updated(document) == document


def test_the_operations_are_those_of_the_contract() -> None:
    """By their ids, and which of them are streams."""
    document = parse_yaml(resources.contract_file().read_text(encoding="utf-8"))
    found = {
        operation["operationId"]: "text/event-stream" in operation["responses"]["200"]["content"]
        for item in document["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    }
    assert found.keys() == set(Operation)
    assert {name for name, streams in found.items() if streams} == STREAMING


@pytest.mark.parametrize(
    ("text", "line", "key", "part"),
    [
        ("summary: x\nrules:\n  - latency: {takes: 2m}\n", 3, "rules[0].latency.takes", "1m"),
        ("summary: x\nrules:\n  - status: {}\n  - latenci: {}\n", 4, "latenci", "'latency'"),
        ("summary: x\nrules:\n  - status: {cod: 3}\n", 3, "rules[0].status.cod", "'code'"),
        ("summary: x\nrules: []\n", 2, "rules", "at least 1"),
        ("rules:\n  - status: {}\n", 1, "summary", "missing"),
    ],
)
def test_a_preset_that_is_wrong_is_refused_with_its_place(
    tmp_path: Path, text: str, line: int, key: str, part: str
) -> None:
    """File, line, key, and what would be right."""
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(FileError) as refused:
        presets(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'mine.yaml'}:{line}: ")
    assert key in str(refused.value)
    assert part in str(refused.value)
