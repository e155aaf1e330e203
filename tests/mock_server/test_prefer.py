"""What one request may ask of the mock: an answer of the contract, or a fault."""

import json
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from plain_yaml import parse_yaml
from raw_http import answer, content_length

from mock_server import resources
from mock_server.engine.behaviour import Behaviour, UnknownParameter
from mock_server.settings import Settings
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"
RUN = f"{RUNS}/497f6eca-6276-4993-bfeb-53cbbbba6f08"
CONTRACT = parse_yaml(resources.contract_file().read_text(encoding="utf-8"))
EXAMPLES = CONTRACT["components"]["examples"]


def ask(world: MockWorld, path: str, way: str, **wanted: str) -> httpx2.Response:
    """GET with ``wanted`` in the header or in the query."""
    if way == "query":
        return world.client.get(path, params={f"__{key}": text for key, text in wanted.items()})
    prefer = ", ".join(f"{key}={text}" for key, text in wanted.items())
    return world.client.get(path, headers={"Prefer": prefer})


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_code_is_answered_from_the_contract(mock_world: MockWorld, way: str) -> None:
    """With its first example and the headers it has there."""
    reply = ask(mock_world, RUN, way, code="404")
    assert (reply.status_code, reply.json()) == (404, {"detail": "Run not found"})
    assert reply.headers["preference-applied"] == 'code="404"'
    reply = ask(mock_world, RUN, way, code="401")
    assert reply.headers["www-authenticate"] == "Bearer"
    reply = ask(mock_world, RUN, way, code="429")
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "12")
    reply = ask(mock_world, RUNS, way, code="422")
    assert reply.json()["detail"][0]["loc"] == ["query", "limit"]
    reply = ask(mock_world, f"{RUN}/events", way, code="204")
    assert (reply.status_code, reply.content) == (204, b"")


@pytest.mark.parametrize("way", ["header", "query"])
def test_an_example_is_answered_by_its_name(mock_world: MockWorld, way: str) -> None:
    """Whatever there is in the world."""
    for name, example in (("failed", "RunFailed"), ("pending", "RunPending")):
        reply = ask(mock_world, RUN, way, example=name)
        assert (reply.status_code, reply.json()) == (200, EXAMPLES[example]["value"])
    reply = ask(mock_world, RUNS, way, example="empty", code="200")
    assert reply.json() == {"items": [], "total": 0}
    reply = ask(mock_world, RUN, way, example="unknown")
    assert (reply.status_code, reply.json()["detail"]) == (401, "Invalid or expired credential")


def test_a_stream_is_an_example_too(mock_world: MockWorld) -> None:
    """As text of events, for an EventSource that can only set the query."""
    reply = mock_world.client.get(f"{RUN}/events?__example=completed")
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.text == EXAMPLES["EventStreamCompleted"]["value"]


def test_every_answer_of_the_contract_can_be_had(mock_world: MockWorld) -> None:
    """Each code and each example of each operation."""
    for path, item in CONTRACT["paths"].items():
        for method in {"get", "post"} & item.keys():
            for code, response in item[method]["responses"].items():
                names: dict[str, Any] = {"": None}
                for media in response.get("content", {}).values():
                    names |= media.get("examples", {})
                for name in names:
                    query = f"?__code={code}" + (f"&__example={name}" if name else "")
                    url = path.replace("{run_id}", RUN.rpartition("/")[2]) + query
                    assert mock_world.client.request(method, url).status_code == int(code), url


@pytest.mark.parametrize("way", ["header", "query"])
@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        (
            {"code": "418"},
            "one of 200, 401, 403, 404, 422, 429 for getRun, got '418'. Use Prefer: fault=",
        ),
        ({"code": "teapot"}, "got 'teapot'"),
        ({"example": "gone"}, "pending (200), running (200)"),
        (
            {"code": "404", "example": "failed"},
            "example: expected one of run (404), got 'failed'",
        ),
        ({"fault": "cut"}, "cut does not apply to responses of getRun"),
        ({"fault": "dying-stream"}, "dying-stream does not apply to responses of getRun"),
        ({"fault": "status.code=200"}, "status.code: "),
        ({"fault": "status.code"}, "expected a kind, or kind.key=value"),
        ({"fault": "status.cod=503"}, "status.cod: "),
        ({"fault": "latency.takes=2h"}, "latency.takes: "),
        ({"fault": "latancy.takes=2s"}, "Did you mean 'latency'?"),
        ({"fault": "cut.after=1"}, "cut does not apply"),
        ({"fault": "quick"}, "dying-stream, expired-token, flaky, overloaded, slow, status"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(
    mock_world: MockWorld, way: str, wanted: dict[str, str], part: str
) -> None:
    """By 422, naming the header or the parameter."""
    reply = ask(mock_world, RUN, way, **wanted)
    assert reply.status_code == 422
    [error_detail] = reply.json()["detail"]
    named = list(wanted)[-1]
    assert error_detail["loc"] == (
        ["header", "Prefer"] if way == "header" else ["query", f"__{named}"]
    )
    assert part in error_detail["msg"]


@pytest.mark.parametrize("text", ["\r\nX-Evil: 1", "é\u2003", "%", "\x00", "x" * 4_000])
@pytest.mark.parametrize("name", ["code", "example", "fault"])
def test_odd_preferences_are_refused_like_others(
    mock_world: MockWorld, name: str, text: str
) -> None:
    """None of them gets into a header, none is a failure."""
    reply = mock_world.client.get(f"{RUN}?__{name}={quote('slow' + text)}")
    assert reply.status_code == 422
    assert "x-evil" not in reply.headers


@pytest.mark.parametrize(
    ("prefer", "code"),
    [
        ("respond-async, code=404", 404),
        ("wait=5; x=code, CODE = 404", 404),
        ('code="404"', 404),
        ("code=404, code=401", 404),
        ("code=404; foo=1, return=minimal", 404),
        ("return=minimal", 200),
        ("", 200),
        ("=,;", 200),
    ],
)
def test_the_header_is_read_as_its_standard_has_it(
    mock_world: MockWorld, prefer: str, code: int
) -> None:
    """The first of a name counts; parameters and unknown preferences are ignored."""
    path = f"{RUNS}/{mock_world.create('hang')}"
    assert mock_world.client.get(path, headers={"Prefer": prefer}).status_code == code


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_fault_is_asked_for_by_kind(mock_world: MockWorld, way: str) -> None:
    """As it is by default, and for this request alone."""
    path = f"{RUNS}/{mock_world.create('hang')}"
    reply = ask(mock_world, path, way, fault="malformed")
    with pytest.raises(json.JSONDecodeError):
        reply.json()
    assert ask(mock_world, path, way, fault="status").status_code == 503
    with pytest.raises(httpx2.RemoteProtocolError):
        ask(mock_world, path, way, fault="drop")
    assert mock_world.client.get(path).status_code == 200


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_fault_has_values(mock_world: MockWorld, way: str) -> None:
    """Those of one kind belong together, and several kinds apply at once."""
    path = f"{RUNS}/{mock_world.create('hang')}"
    assert ask(mock_world, path, way, fault="status.code=418").status_code == 418
    several = '"status.code=500, status.retryAfter=7s, malformed"'
    reply = ask(mock_world, path, way, fault=several if way == "header" else several.strip('"'))
    assert (reply.status_code, reply.headers["retry-after"]) == (500, "7")
    with pytest.raises(json.JSONDecodeError):
        reply.json()
    events = mock_world.client.get(f"{path}/events?__fault=cut.after=1,cut.clean=true")
    assert events.text.count("data:") == 1


def test_several_faults_are_asked_for_at_once(mock_world: MockWorld) -> None:
    """Of an example, as well."""
    head, body = answer(mock_world, f"{RUN}?__code=404&__fault=truncated,malformed")
    assert head.startswith(b"HTTP/1.1 404")
    assert content_length(head) > len(body)


def test_a_fault_is_asked_for_by_preset(mock_world: MockWorld) -> None:
    """Without putting it in force."""
    reply = ask(mock_world, RUNS, "header", fault="expired-token")
    assert reply.status_code == 401
    assert mock_world.client.get("/_mock/faults").json() == {"items": []}


def test_who_asks_meets_no_rule(mock_world: MockWorld) -> None:
    """What a request asks for by itself comes in place of what its world has in store."""
    mock_world.client.post("/_mock/faults", json={"status": {"code": 500}, "count": 1})
    assert ask(mock_world, RUN, "query", code="404").status_code == 404
    assert mock_world.client.get(RUNS).status_code == 500


def test_who_asks_needs_a_credential_and_good_input(
    mock_world: MockWorld, anonymous: httpx2.Client
) -> None:
    """The contract comes first."""
    assert anonymous.get(f"{RUN}?__code=404").status_code == 401
    assert mock_world.client.get(f"{RUNS}?limit=x&__code=404").json()["detail"][0]["loc"] == [
        "query",
        "limit",
    ]


def test_the_twins_are_known_parameters() -> None:
    """Where those are refused, these are not."""
    with serving(
        Settings(behaviour=Behaviour(unknown_parameters=UnknownParameter.INVALID))
    ) as base_url:
        world = MockWorld(base_url, "test-strict", scale=0, runs=0, live=0)
        assert world.client.get(f"{RUN}?__code=200&__example=failed&__fault=").status_code == 200
        refused = world.client.get(f"{RUN}?__cod=200")
        world.close()
    assert refused.json()["detail"][0]["loc"] == ["query", "__cod"]
