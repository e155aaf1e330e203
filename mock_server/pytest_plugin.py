"""Pytest fixtures for the tests of a client: a real mock, and a world whose clock the test
controls.

Pytest loads the plugin by itself once the mock is installed. Where it loads no installed plugins
(``PYTEST_DISABLE_PLUGIN_AUTOLOAD``), name it in the ``conftest.py`` at the top of the tests, or as
``pytest -p mock_server.pytest_plugin``::

    pytest_plugins = ["mock_server.pytest_plugin"]

``mock_world`` is a world for one test, without runs, on a frozen clock that the test advances. A
marker on a test, a class or a module (the nearest one wins) sets what it begins with::

    @pytest.mark.mock_world(seed=7, now="2026-03-02T08:15:00Z", runs=20)
    def test_a_retry_completes(mock_world):
        run_id = mock_world.create("flaky")
        mock_world.advance(60)
        ...

``mock_worlds`` opens a world at each call, for two tenants in one test, or for a world that depends
on a parameter: ``acme, globex = mock_worlds(seed=1), mock_worlds(seed=2)``.

``exam_sitting`` puts a client into a situation of the exam (``runs-mock exam --list``); a test that
asks for it runs once for each item, or for those that a marker selects::

    @pytest.mark.exam(only=["STREAM-*", "WAIT-*"])
    def test_exam(exam_sitting):
        client = MyClient(exam_sitting.base_url, exam_sitting.token)
        for event in client.follow(exam_sitting.run_id):
            exam_sitting.report("event", id=event.id, event=event.type)
        exam_sitting.judge()

``mock_server_url`` is the server's base URL. A server starts in the test process on first use;
under pytest-xdist each worker has its own. ``--mock-url``, or ``RUNS_MOCK_URL``, names a running
mock to use instead, and ``RUNS_MOCK_CONTROL_TOKEN`` its control token, if it has one. A world is
named after its test, so the test's ids and times do not depend on where it runs or which tests run
with it; ``--mock-session`` keeps the worlds of sessions apart that share one mock.
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
    from mock_server.testing import MockWorld, Sitting

MARK = "mock_world(**start): what the test's world begins with, as in POST /_mock/reset"
EXAM_MARK = "exam(only=[...]): the ids of the items that exam_sitting is for, or patterns of them"


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
    config.addinivalue_line("markers", EXAM_MARK)
    url = config.getoption("--mock-url")
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise pytest.UsageError(
            f"--mock-url (RUNS_MOCK_URL): expected a base URL such as "
            f"http://127.0.0.1:8080, got {url!r}"
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each item of the exam that it is about."""
    if "exam_sitting" not in metafunc.fixturenames:
        return
    from mock_server.errors import UsageError  # noqa: PLC0415
    from mock_server.exam.catalogue import select  # noqa: PLC0415

    mark = metafunc.definition.get_closest_marker("exam")
    if mark and (mark.args or mark.kwargs.keys() != {"only"}):
        raise pytest.UsageError('@pytest.mark.exam: expected only=["STREAM-*"] and nothing else')
    only = mark.kwargs["only"] if mark else ()
    try:
        items = select([only] if isinstance(only, str) else only)
    except UsageError as error:
        raise pytest.UsageError(f"@pytest.mark.exam: {error}") from None
    metafunc.parametrize("exam_sitting", [item.id for item in items], indirect=True)


@pytest.fixture(scope="session")
def mock_server_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """Return the base URL of a mock, without a trailing slash."""
    # Imported here because pytest loads the plugin even if no test uses a mock.
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
    """Return a function that opens a world for this test: without runs and on a frozen clock,
    unless it is called with other parameters of ``POST /_mock/reset``."""
    from mock_server.testing import MockWorld  # noqa: PLC0415

    session = request.config.getoption("--mock-session")
    test = hashlib.sha256(f"{session}\n{request.node.nodeid}".encode()).hexdigest()[:24]
    token = os.environ.get("RUNS_MOCK_CONTROL_TOKEN")
    opened: list[MockWorld] = []

    with ExitStack() as stack:

        def open_world(**start: Any) -> MockWorld:
            number = f"-{len(opened) + 1}" if opened else ""
            # A named start has runs.
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
    """Return a world for this test: without runs, on a frozen clock, or as its markers say."""
    start: dict[str, Any] = {}
    for mark in request.node.iter_markers("mock_world"):
        if mark.args:
            pytest.fail(
                f"@pytest.mark.mock_world takes keywords, such as seed=7, not {mark.args[0]!r}",
                pytrace=False,
            )
        start = mark.kwargs | start
    return mock_worlds(**start)


@pytest.fixture
def exam_sitting(
    mock_worlds: Callable[..., MockWorld], request: pytest.FixtureRequest
) -> Iterator[Sitting]:
    """Return the sitting of a client in a situation of the exam."""
    from mock_server.testing import Sitting  # noqa: PLC0415

    sitting = Sitting(mock_worlds(), request.param)
    yield sitting
    if not sitting.judged:
        pytest.fail(f"{sitting!r} was not judged: call its judge()", pytrace=False)


def _remedy(error: Exception) -> str:
    if isinstance(error, ConnectionError):
        return "\nIs the mock of --mock-url (RUNS_MOCK_URL) running? `runs-mock serve` starts one."
    return ""
