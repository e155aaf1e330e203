"""The project's own contract."""

import pytest

from conformance.contract.contract import Contract, load


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The contract with its marks and views."""
    return load()
