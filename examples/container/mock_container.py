"""The mock in a container for pytest, with testcontainers: `pip install testcontainers pytest`."""

from collections.abc import Iterator

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

TOKEN = "of-these-tests"  # noqa: S105 - not a secret


@pytest.fixture(scope="session")
def mock_url() -> Iterator[str]:
    """Return the base URL of a mock; send ``X-Mock-Token`` with ``TOKEN`` to its control API."""
    container = (
        DockerContainer("runs-mock")
        .with_exposed_ports(8080)
        .with_env("RUNS_MOCK_CONTROL_TOKEN", TOKEN)
        .with_env("RUNS_MOCK_CLOCK", "frozen")
        .waiting_for(HttpWaitStrategy(8080, "/_mock/ready").for_status_code(200))
    )
    with container as mock:
        yield f"http://{mock.get_container_host_ip()}:{mock.get_exposed_port(8080)}"
