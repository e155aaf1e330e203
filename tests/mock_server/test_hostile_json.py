"""JSON that parsers read differently is rejected before it means anything."""

import json

import pytest

from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
START = {"now": "2026-03-02T08:15:00Z", "seed": 7, "scale": 0}
STEP = {"key": "a", "result": {"v": "\U0001f600"}}
HEADERS = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        (b'"seed":7', b'"seed":7,"seed":7', "'seed' is repeated"),
        (b'"seed":7', b'"seed":NaN', "NaN"),
        (b'"scale":1.0', b'"scale":-Infinity', "-Infinity"),
        (b'"scale":1.0', b'"scale":1e999', "too large"),
        (b'"scale":1.0', b'"scale":1.' + b"0" * 2_000, "too large"),
        (b'"seed":7', b'"seed":' + b"7" * 5_000, "beyond 64 bit"),
        (b'"seed":7', b'"seed":-9223372036854775809', "beyond 64 bit"),
        (b'"seed":7', b'"seed":"\\ud800"', "surrogate"),
        (b'"seed":7', b'"\\uDFFF":7', "surrogate"),
        (b'"seed":7', b'"seed":' + b"[" * 100_000, "nested too deeply"),
        (b'"seed":7', b'"seed":"\xff"', "UTF-8"),
        (b"{", b"\xef\xbb\xbf{", "JSON decode error"),
        (b'"seed":7', b'"seed":7 // seven', "JSON decode error"),
        (b'"seed":7', b'"seed":07', "JSON decode error"),
    ],
)
def test_json_that_parsers_read_differently_is_refused(
    mock_world: MockWorld, old: bytes, new: bytes, part: str
) -> None:
    """In a small and in a large document, which is parsed in a thread."""
    mock_world.client.post("/_mock/reset", json=START | {"runs": 0}).raise_for_status()
    state = mock_world.client.get("/_mock/state").content
    assert state.count(old) >= 1
    for padding in (b"", b" " * 100_000):
        changed = state.replace(old, new, 1) + padding
        response = mock_world.client.put("/_mock/state", content=changed, headers=HEADERS)
        assert response.status_code == 422
        assert response.json()["detail"][0]["type"] == "json_invalid"
        assert part in response.json()["detail"][0]["msg"]
    assert mock_world.client.get("/_mock/state").content == state


def test_a_repeated_key_of_a_request_is_refused(mock_world: MockWorld) -> None:
    """Of two scenarios, none is run."""
    content = b'{"scenario": "diamond", "scenario": "hang"}'
    response = mock_world.client.post("/_mock/runs", content=content, headers=HEADERS)
    assert response.status_code == 422
    assert "'scenario' is repeated" in response.text
    assert mock_world.client.get(RUNS).json()["total"] == 0


def test_a_surrogate_pair_is_one_character(mock_world: MockWorld) -> None:
    """Escaped as JSON allows it."""
    scenario = {"summary": "S", "automation": {"name": "A"}, "steps": [STEP]}
    content = json.dumps({"scenario": scenario}).encode()
    assert b"\\ud83d" in content
    response = mock_world.client.post("/_mock/runs", content=content, headers=HEADERS)
    assert response.status_code == 201
    mock_world.advance(60)
    steps = mock_world.steps(response.json()["id"])
    assert steps[0]["result"] == {"v": "\U0001f600"}
