"""Integers: ``1.0`` and ``true`` are none, in requests of the control API and in files."""

import json
from pathlib import Path
from typing import Any

import pytest

from mock_server.engine import scenario
from mock_server.errors import FileError
from mock_server.faults import rules
from mock_server.testing import MockWorld
from mock_server.worlds import seed_data

HEADERS = {"Content-Type": "application/json"}
RUN = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
STEP = {"key": "a"}
SCENARIO = {"summary": "S", "automation": {"name": "A"}, "steps": [STEP]}
MARK = "NUMBER"

REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "seed": ("reset", {"seed": MARK}),
    "runs": ("reset", {"runs": MARK}),
    "live": ("reset", {"live": MARK}),
    "count": ("verify", {"expectations": [{"count": MARK}]}),
    "at-least": ("verify", {"expectations": [{"atLeast": MARK}]}),
    "at-most": ("verify", {"expectations": [{"atMost": MARK}]}),
    "rule-count": ("faults", {"drop": {}, "count": MARK}),
    "limit": ("faults", {"rateLimit": {"limit": MARK}}),
    "after": ("faults", {"drop": {"after": MARK}}),
    "repeat": ("runs", {"scenario": {**SCENARIO, "steps": [{**STEP, "repeat": MARK}]}}),
    "version": ("runs", {"scenario": {**SCENARIO, "automation": {"name": "A", "version": MARK}}}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_only_an_integer_is_one(mock_world: MockWorld, name: str) -> None:
    """Clients in many languages read 1.0 as another type, so neither side can rely on it."""
    path, body = REQUESTS[name]

    def post(number: str) -> int:
        content = json.dumps(body).replace(f'"{MARK}"', number)
        response = mock_world.client.post(f"/_mock/{path}", content=content, headers=HEADERS)
        return int(response.status_code)

    texts = ["1.0", "1e0", "10E-1", "true", '"1"', "null", "[1]"]
    assert {text: post(text) for text in texts} == dict.fromkeys(texts, 422)
    assert post("1") in (200, 201)


def test_a_status_to_verify_is_an_integer_or_a_class(mock_world: MockWorld) -> None:
    """404, "404" or "4xx"."""
    mock_world.client.get(f"/api/v1/automation-runs/{RUN}")
    for text, expected in (("404", 200), ('"404"', 200), ('"4xx"', 200), ("404.0", 422)):
        content = f'{{"expectations": [{{"status": {text}}}]}}'
        response = mock_world.client.post("/_mock/verify", content=content, headers=HEADERS)
        assert response.status_code == expected, response.text


def test_a_number_may_have_a_fraction(mock_world: MockWorld) -> None:
    """Where the document says number."""
    for text in ("1", "1.0", "0.5", "1e0"):
        response = mock_world.client.post(
            "/_mock/clock/advance", content=f'{{"seconds": {text}}}', headers=HEADERS
        )
        assert response.status_code == 200, response.text


def test_an_id_in_a_body_is_a_uuid(mock_world: MockWorld) -> None:
    """Before the run is looked for."""
    expected: list[tuple[Any, int]] = [(RUN[:-1], 422), ("x", 422), (1, 422), (RUN.upper(), 404)]
    for run, status in expected:
        response = mock_world.client.post("/_mock/repro", json={"runs": [run]})
        assert response.status_code == status, response.text


FILES = {
    "repeat": "summary: S\nautomation: {name: A}\nsteps: [{key: a, repeat: NUMBER}]\n",
    "automation-version": "summary: S\nautomation: {name: A, version: NUMBER}\n",
    "history": "summary: S\nhistory: {runs: NUMBER, scenarios: {hang: 1}}\n",
    "fault-count": "summary: S\nrules: [{drop: {}, count: NUMBER}]\n",
    "fault-status": "summary: S\nrules: [{status: {code: NUMBER}}]\n",
}


def read(path: Path) -> object:
    """Read the file as what it is."""
    match path.stem.partition("-")[0]:
        case "history" | "share" | "weight":
            return seed_data.read(path, scenario.load_available())
        case "fault":
            return rules.presets(path.parent)
        case _:
            return scenario.read(path)


@pytest.mark.parametrize("text", ["1.0", "1.0e+0", "true", "'1'"])
@pytest.mark.parametrize("name", FILES)
def test_only_an_integer_is_one_in_a_file(tmp_path: Path, name: str, text: str) -> None:
    """In scenarios, worlds and presets of faults."""
    path = tmp_path / f"{name}.yaml"
    path.write_text(FILES[name].replace(MARK, text))
    with pytest.raises(FileError, match=f"{name}.yaml:[23]: "):
        read(path)
    path.write_text(FILES[name].replace(MARK, "500"))
    read(path)


SHARES = {
    "weight": "summary: S\nhistory: {runs: 1, scenarios: {hang: NUMBER}}\n",
    "share-cancelled": "summary: S\nhistory: {cancelled: NUMBER}\n",
    "share-retried": "summary: S\nhistory: {retried: NUMBER}\n",
}


@pytest.mark.parametrize("text", ["true", "'0.5'", ".nan", ".inf", "-1", "1.0e+300"])
@pytest.mark.parametrize("name", SHARES)
def test_a_share_is_a_number_within_bounds(tmp_path: Path, name: str, text: str) -> None:
    """A weight too small or too large would make the draw of a scenario fail."""
    path = tmp_path / f"{name}.yaml"
    path.write_text(SHARES[name].replace(MARK, text))
    with pytest.raises(FileError, match=f"{name}.yaml:2: "):
        read(path)
    path.write_text(SHARES["weight"].replace(MARK, "5.0e-324"))
    with pytest.raises(FileError, match="greater than or equal to"):
        seed_data.read(path, scenario.load_available())
    for fine in ("1", "0.5"):
        path.write_text(SHARES[name].replace(MARK, fine))
        read(path)
