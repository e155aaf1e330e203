"""Fixtures for the tests of a client: a real mock, and a world with its clock in hand.

Pytest loads the plugin by itself once the mock is installed. Where it loads no installed plugins
(``PYTEST_DISABLE_PLUGIN_AUTOLOAD``), name it in the ``conftest.py`` at the top of the tests, or as
``pytest -p mock_server.pytest_plugin``::

    pytest_plugins = ["mock_server.pytest_plugin"]

``mock_world`` is a world of the test's own, without runs, on a frozen clock that the test advances.
What it begins with can be said by a mark, on a test, a class or a module (the nearest wins)::

    @pytest.mark.mock_world(seed=7, now="2026-03-02T08:15:00Z", runs=20)
    def test_a_retry_completes(mock_world):
        run_id = mock_world.create("flaky")
        mock_world.advance(60)
        ...

``mock_worlds`` opens one whenever it is called, for two tenants in one test, or for a world that
depends on a parameter: ``acme, globex = mock_worlds(seed=1), mock_worlds(seed=2)``.

``mock_server_url`` is the server's base URL. One is started in the test process when it is first
asked for; under pytest-xdist each worker has one of its own. ``--mock-url``, or ``RUNS_MOCK_URL``,
names a running mock to use instead, and ``RUNS_MOCK_CONTROL_TOKEN`` the token it asks for, if it
asks. A world is named after its test, so that a test's ids and times
are the same wherever and beside whatever it runs; sessions that share one mock at the same time
tell themselves apart with ``--mock-session``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from mock_server.errors import explain_missing_library

if TYPE_CHECKING:
    from mock_server.testing import MockWorld

MARK = "mock_world(**start): what the test's world begins with, as in POST /_mock/reset"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("runs-mock", "a mock of the Automation runs API")
    group.addoption(
        "--mock-url",
        metavar="URL",
        default=os.environ.get("RUNS_MOCK_URL"),
        help="Use the mock that runs there instead of starting one. [RUNS_MOCK_URL]",
    )
    group.addoption(
        "--mock-session",
        metavar="NAME",
        default=os.environ.get("RUNS_MOCK_SESSION", ""),
        help="Keeps this session's worlds apart from those of others on the same mock. "
        "[RUNS_MOCK_SESSION]",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)
    url = config.getoption("--mock-url")
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise pytest.UsageError(
            f"--mock-url (RUNS_MOCK_URL): {url!r} is no base URL; "
            "expected something like http://127.0.0.1:8080"
        )


@pytest.fixture(scope="session")
def mock_server_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """The base URL of a mock, without a slash at its end."""
    # Not above: a plugin is loaded whenever pytest starts, whether or not a test asks for a mock.
    from mock_server.testing import serving  # noqa: PLC0415

    shared = pytestconfig.getoption("--mock-url")
    if shared:
        yield shared.rstrip("/")
    else:
        with ExitStack() as stack:
            try:
                base_url = stack.enter_context(serving())
            except ModuleNotFoundError as error:
                pytest.fail(explain_missing_library(error), pytrace=False)
            yield base_url


@pytest.fixture
def mock_worlds(
    mock_server_url: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., MockWorld]]:
    """Opens a world of this test's own at each call; without runs and on a frozen clock, unless the
    call says otherwise, with what ``POST /_mock/reset`` takes."""
    from mock_server.testing import MockWorld  # noqa: PLC0415

    session = request.config.getoption("--mock-session")
    test = hashlib.sha256(f"{session}\n{request.node.nodeid}".encode()).hexdigest()[:24]
    token = os.environ.get("RUNS_MOCK_CONTROL_TOKEN")
    opened: list[MockWorld] = []

    with ExitStack() as stack:

        def open_world(**start: Any) -> MockWorld:
            number = f"-{len(opened) + 1}" if opened else ""
            # A named start brings runs of its own.
            bare = {"scale": 0} if "start" in start else {"scale": 0, "runs": 0, "live": 0}
            try:
                world = MockWorld(
                    mock_server_url, f"test-{test}{number}", token=token, **bare | start
                )
            except (ValueError, ConnectionError) as error:
                pytest.fail(f"no world for this test: {error}{_remedy(error)}", pytrace=False)
            opened.append(stack.enter_context(world))
            request.node.add_report_section(
                "setup", "mock world", f"{world!r}, opened with {start}"
            )
            return world

        yield open_world


@pytest.fixture
def mock_world(mock_worlds: Callable[..., MockWorld], request: pytest.FixtureRequest) -> MockWorld:
    """A world of this test's own: no runs, a frozen clock, and what its marks say."""
    start: dict[str, Any] = {}
    for mark in request.node.iter_markers("mock_world"):
        if mark.args:
            pytest.fail(
                f"@pytest.mark.mock_world takes keywords, such as seed=7, not {mark.args[0]!r}",
                pytrace=False,
            )
        start = mark.kwargs | start
    return mock_worlds(**start)


def _remedy(error: Exception) -> str:
    if isinstance(error, ConnectionError):
        return "\nIs the mock of --mock-url (RUNS_MOCK_URL) running? `runs-mock serve` starts one."
    return ""
