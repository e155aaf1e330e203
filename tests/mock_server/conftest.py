"""What the mock's own tests share."""

from collections.abc import Iterator

import httpx2
import pytest


@pytest.fixture(scope="session")
def anonymous(mock_server_url: str) -> Iterator[httpx2.Client]:
    """A client that sends no credential by itself."""
    with httpx2.Client(base_url=mock_server_url, timeout=30, verify=False) as client:
        yield client
