"""The fixtures that a client's tests get."""

import socket

import pytest

from mock_server.server import bind
from mock_server.settings import Access, Settings
from mock_server.testing import MockWorld, serving


def test_a_run_lives(mock_world: MockWorld) -> None:
    """A run waits, works and completes as the clock is advanced."""
    run_id = mock_world.create("quick-success")
    assert mock_world.run(run_id)["status"] == "pending"
    mock_world.advance(1.5)
    assert mock_world.run(run_id)["status"] == "running"
    mock_world.advance(10)
    assert mock_world.run(run_id)["status"] == "completed"


def test_the_steps_and_whatever_else_there_is(mock_world: MockWorld) -> None:
    """A world gives a run's steps, and passes on what else the control API can do."""
    run_id = mock_world.create("quick-success")
    assert {step["status"] for step in mock_world.steps(run_id)} == {"pending"}
    assert mock_world.control("clock/resume")["frozen"] is False
    answers = mock_world.control("behaviour", "PUT", behaviour={"Q20": "problem"})["answers"]
    assert answers["Q20"] == "problem"
    assert mock_world.control("behaviour", "GET") == {"answers": answers}
    assert mock_world.control("requests/count", "GET", operation="getRun")["total"] == 0
    assert mock_world.control("faults", "DELETE") == {}


def test_a_run_is_changed_and_time_is_written_as_people_write_it(mock_world: MockWorld) -> None:
    """By the key of the step; a duration that is none is refused."""
    scenario = {"summary": "Mine", "automation": {"name": "Mine"}, "steps": [{"key": "only"}]}
    runs = [
        mock_world.create(scenario, only={"outcome": "fails"}),
        mock_world.create("diamond", fetch={"outcome": "fails"}),
    ]
    mock_world.advance("5m")
    assert [mock_world.run(run)["status"] for run in runs] == ["failed", "failed"]
    with pytest.raises(ValueError, match="soon"):
        mock_world.advance("soon")


def test_a_mock_that_asks_for_a_token() -> None:
    """With the token a world is opened; without it the error says what is missing."""
    with serving(Settings(access=Access("open-sesame"))) as base_url:
        with MockWorld(base_url, "test-guarded", token="open-sesame", scale=0) as world:
            assert world.run(world.create("flaky"))["status"] == "pending"
        with pytest.raises(ValueError, match=r"^POST /_mock/reset answered 401: .* token "):
            MockWorld(base_url, "test-guarded")


def test_small_answers_are_not_held_back() -> None:
    """Connections are made without Nagle's algorithm, which would cost 40 ms for each answer."""
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
