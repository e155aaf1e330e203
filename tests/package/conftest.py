"""The wheel, and one environment for each way to install it."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import TOP, Environment, build_wheel, create


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    return build_wheel(TOP, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def plain(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Without an extra."""
    return create(tmp_path_factory.mktemp("plain"), wheel, ())


@pytest.fixture(scope="session")
def mock_alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With the extra `mock`, and with pytest, as a team that tests a client has it."""
    return create(tmp_path_factory.mktemp("mock"), wheel, ["mock"], ["pytest"])


@pytest.fixture(scope="session")
def kit_alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With the extra `kit`."""
    return create(tmp_path_factory.mktemp("kit"), wheel, ["kit"])
