"""One Flask backend for all tests, and three who call it."""

from collections.abc import Iterator

import pytest
from backend_caller import Caller
from flask_process import BackendProcess


@pytest.fixture(scope="session")
def backend() -> Iterator[BackendProcess]:
    """A backend whose steps take 25 to 100 ms, and whose streams are never silent for longer."""
    with BackendProcess("--speed", "40", "--heartbeat", "0.1") as process:
        yield process
        assert "Traceback" not in process.errors()


@pytest.fixture(scope="session")
def acme(backend: BackendProcess) -> Iterator[Caller]:
    """A caller of the one tenant."""
    caller = Caller(backend.url, authorization="Bearer acme-key")
    yield caller
    caller.http.close()


@pytest.fixture(scope="session")
def globex(backend: BackendProcess) -> Iterator[Caller]:
    """A caller of the other."""
    caller = Caller(backend.url, authorization="Bearer globex-key")
    yield caller
    caller.http.close()


@pytest.fixture(scope="session")
def anonymous(backend: BackendProcess) -> Iterator[Caller]:
    """A caller without a credential."""
    caller = Caller(backend.url)
    yield caller
    caller.http.close()
