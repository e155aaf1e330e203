"""What several of the end-to-end tests share."""

import pytest
from driver import Driver

from mock_server.testing import MockWorld


@pytest.fixture
def drive(mock_world: MockWorld, mock_server_url: str) -> Driver:
    return Driver(mock_world, mock_server_url)
