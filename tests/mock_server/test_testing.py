"""The fixtures that a client's tests get."""

import socket

from mock_server.server import bind
from mock_server.testing import MockWorld


def test_a_run_lives(mock_world: MockWorld) -> None:
    """A run waits, works and completes as the clock is advanced."""
    run_id = mock_world.create("quick-success")
    assert mock_world.run(run_id)["status"] == "pending"
    mock_world.advance(1.5)
    assert mock_world.run(run_id)["status"] == "running"
    mock_world.advance(10)
    assert mock_world.run(run_id)["status"] == "completed"


def test_small_answers_are_not_held_back() -> None:
    """Connections are made without Nagle's algorithm, which would cost 40 ms for each answer."""
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
