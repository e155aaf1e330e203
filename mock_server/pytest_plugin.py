"""Fixtures for the tests of a client: ``pytest -p mock_server.pytest_plugin``.

``mock_server_url`` is a real server on a free port, one for the whole session; ``mock_world`` a
world of its own for each test, empty, on a frozen clock that the test advances.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mock_server.testing import MockWorld


def pytest_configure(config: pytest.Config) -> None:
    # Connexion imports names that jsonschema deprecates; that is not the tested project's fault.
    config.addinivalue_line("filterwarnings", "ignore:jsonschema:DeprecationWarning")


@pytest.fixture(scope="session")
def mock_server_url() -> Iterator[str]:
    """The base URL of a mock that serves for the whole session."""
    # Not above: a plugin is loaded whenever pytest starts, and the server takes a second to load.
    from mock_server.testing import serving  # noqa: PLC0415

    with serving() as base_url:
        yield base_url


@pytest.fixture
def mock_world(mock_server_url: str, request: pytest.FixtureRequest) -> Iterator[MockWorld]:
    """A world of this test's own: no runs, a frozen clock."""
    from mock_server.testing import MockWorld  # noqa: PLC0415

    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:24]
    world = MockWorld(mock_server_url, f"test-{name}", scale=0, runs=0, live=0)
    yield world
    world.close()
