"""The fixtures of these tests: the mock's own, and the client under test, pointed at a world."""

from collections.abc import Callable, Iterator

import pytest
from runs_client import RunsClient

from mock_server.testing import MockWorld

pytest_plugins = ["mock_server.pytest_plugin"]


@pytest.fixture
def connect() -> Iterator[Callable[[MockWorld], RunsClient]]:
    """A client of the world it is called with."""
    clients: list[RunsClient] = []

    def open_client(world: MockWorld) -> RunsClient:
        # Tests do not wait between attempts.
        clients.append(RunsClient(world.base_url, world.key, sleep=lambda _: None))
        return clients[-1]

    yield open_client
    for client in clients:
        client.close()


@pytest.fixture
def runs(mock_world: MockWorld, connect: Callable[[MockWorld], RunsClient]) -> RunsClient:
    """A client of this test's own world."""
    return connect(mock_world)
