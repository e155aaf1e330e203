"""What the mock's own tests share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest


@pytest.fixture(scope="session")
def anonymous(mock_server_url: str) -> Iterator[httpx2.Client]:
    """A client that sends no credential by itself."""
    with httpx2.Client(base_url=mock_server_url, timeout=30, verify=False) as client:
        yield client


@pytest.fixture(scope="session")
def runs_mock() -> str:
    """The command, next to the interpreter that runs the tests."""
    return str(Path(sys.executable).with_name("runs-mock"))
