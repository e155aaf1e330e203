"""Placeholders are listed, stand in results only, and call nothing that is not listed."""

from typing import Any

import pytest

from mock_server.engine import fake_data
from mock_server.engine.fake_data import PLACEHOLDERS, FakeData
from mock_server.engine.randomness import SeededRandom
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"


def scenario(**step: Any) -> dict[str, Any]:
    return {"summary": "S", "automation": {"name": "A"}, "steps": [{"key": "a", **step}]}


WORDS = ["enum", "image", "pydict", "binary", "__class__", "seed_instance", "json", "add_provider"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("where", ["scenario", "changes"])
def test_only_listed_placeholders_are_allowed(mock_world: MockWorld, word: str, where: str) -> None:
    """In a scenario of a request and in changes to one; the allowed ones are named."""
    result = {"list": [{"v": f"a {{{{ {word} }}}} b"}]}
    body: dict[str, Any] = {"scenario": scenario(result=result)}
    if where == "changes":
        body = {"scenario": "quick-success", "changes": {"collect": {"result": result}}}
    response = mock_world.client.post("/_mock/runs", json=body)
    assert response.status_code == 422
    [detail] = response.json()["detail"]
    assert f"{{{{ {word} }}}} is not a placeholder" in detail["msg"]
    assert "first_name" in detail["msg"]
    assert detail["loc"][-4:] == ["result", "list", "0", "v"]
    assert mock_world.client.get(RUNS).json()["total"] == 0


IN_RESULTS = ["{{}}", "{{name", "{{name}", "{{name|upper}}", "{{name }} {{ }}", "{{ first name }}",
              "{{{name}}}", "{{name}} {{nmae}}", "{{NAME}}", "{{__class__}}", "{{"]  # fmt: skip
ELSEWHERE: dict[str, dict[str, Any]] = {
    "step-key": {"key": "a-{{name}}"},
    "step-name": {"name": "For {{name}}"},
    "error-code": {"error": {"code": "{{word}}", "message": "x"}},
    "error-message": {"error": {"code": "x", "message": "not {{nonsense"}},
    "result-key": {"result": {"a": [{"{{name}}": 1}]}},
}


@pytest.mark.parametrize("text", IN_RESULTS)
def test_what_begins_as_a_placeholder_is_one(mock_world: MockWorld, text: str) -> None:
    """Anything else that begins with two braces is an error, not plain text."""
    body = {"scenario": scenario(result={"ok": "{{name}}", "v": ["a", text]})}
    response = mock_world.client.post("/_mock/runs", json=body)
    assert response.status_code == 422
    [detail] = response.json()["detail"]
    assert detail["loc"][-3:] == ["result", "v", "1"]
    assert "is not a placeholder; use one of address" in detail["msg"]


@pytest.mark.parametrize("text", ["{{name}}", "{{ name }}{{word}}", '{"a":{{pyint}}}', "}} { {"])
def test_placeholders_stand_anywhere_in_a_text(mock_world: MockWorld, text: str) -> None:
    """Braces that are not two together are plain text."""
    body = {"scenario": scenario(result={"v": [text]})}
    run = mock_world.client.post("/_mock/runs", json=body)
    assert run.status_code == 201
    mock_world.advance(60)
    [filled] = mock_world.steps(run.json()["id"])[0]["result"]["v"]
    assert "{{" not in filled
    assert (filled == text) == ("{{" not in text)


@pytest.mark.parametrize("where", ELSEWHERE)
def test_placeholders_are_for_values_in_results(mock_world: MockWorld, where: str) -> None:
    """Everywhere else they would be shown as they are."""
    body = {"scenario": scenario(**ELSEWHERE[where])}
    if where == "step-key":
        body["scenario"]["steps"] = [ELSEWHERE[where]]
    response = mock_world.client.post("/_mock/runs", json=body)
    assert response.status_code == 422
    assert "placeholders are for values in results only" in response.text


def test_the_error_of_an_outcome_has_no_placeholder(mock_world: MockWorld) -> None:
    """It is shown as it is given."""
    run_id = mock_world.create("hang")
    error = {"code": "x", "more": [{"message": "by {{name}}"}]}
    body = {"outcome": "failed", "error": error}
    response = mock_world.client.post(f"/_mock/runs/{run_id}/outcome", json=body)
    assert response.status_code == 422
    assert "{{name}} would stay as it is" in response.text


def test_every_listed_placeholder_has_a_short_value() -> None:
    """The size of a result is bounded by the length that each value has at most."""
    data = FakeData()
    for word in PLACEHOLDERS:
        for seed in range(20):
            filled = data.fill({"v": f"{{{{{word}}}}}"}, SeededRandom(seed, "x"))
            assert filled is not None
            assert 0 < len(filled["v"]) <= fake_data._MAX_VALUE, word


def test_a_word_that_is_not_listed_is_never_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing has checked it."""
    filled = FakeData().fill({"v": "{{__class__}} {{pydict}}"}, SeededRandom(1))
    assert filled == {"v": "{{__class__}} {{pydict}}"}
