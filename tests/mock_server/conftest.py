"""What the mock's own tests share."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from forwarding_pair import Pair
    from valkey_server import ValkeyServer


@pytest.fixture(scope="session")
def anonymous(mock_server_url: str) -> Iterator[httpx2.Client]:
    """A client that sends no credential by itself."""
    with httpx2.Client(base_url=mock_server_url, timeout=30, verify=False) as client:
        yield client


@pytest.fixture(scope="session")
def runs_mock() -> str:
    """The command, next to the interpreter that runs the tests."""
    return str(Path(sys.executable).with_name("runs-mock"))


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator["ValkeyServer"]:
    """A Valkey for the tests of a module; they are skipped where there is none."""
    from valkey_server import ValkeyServer  # noqa: PLC0415  # Needs an optional library.

    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def location(valkey: "ValkeyServer", monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty database, whose server may have started this moment."""
    monkeypatch.setattr("mock_server.store.valkey._FORGETFUL_MS", "0")
    with valkey.client() as client:
        client.flushall()
    return valkey.location


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Pair"]:
    """A mock that forwards requests, and their owner."""
    from forwarding_pair import pair_at  # noqa: PLC0415  # Needs what only some systems have.

    with pair_at(tmp_path_factory.mktemp("s")) as pair:
        yield pair
