"""What the engine makes of a run that pytest itself cuts short."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conformance.config.settings import read
from conformance.harness.markers import info_of
from conformance.runner.engine import Engine
from conformance.runner.run import PACKAGE, Launch
from conformance.vocabulary import ExitCode

GIVEN = {"base_url": "http://127.0.0.1:9", "token": "x", "include": ["LIST-01"]}


def interrupted(fault: BaseException, *failed: str) -> Engine:
    """An engine after these modules could not be loaded and pytest ended with this exception."""
    engine = Engine(read(GIVEN, {}), [])
    for name in failed:
        engine.pytest_collectreport(pytest.CollectReport(name, "failed", "NameError", []))
    with pytest.raises(type(fault)) as caught:
        raise fault
    engine.pytest_keyboard_interrupt(caught)
    return engine


def test_a_module_that_cannot_be_loaded_is_an_internal_error() -> None:
    """Not an interruption by the user, and never a verdict."""
    fault = pytest.Session.Interrupted("1 error during collection")
    report = interrupted(fault, "checks/list.py").report
    assert report is not None
    assert report.problem == "internal error of the kit: checks/list.py cannot be loaded"
    assert report.exit_code is ExitCode.NO_VERDICT


def test_an_interruption_by_the_user() -> None:
    """Keeps its own exit code."""
    report = interrupted(KeyboardInterrupt()).report
    assert report is not None
    assert (report.problem, report.exit_code) == ("", ExitCode.INTERRUPTED)


def test_only_what_has_a_requirement_is_a_check(mock: str) -> None:
    """Pytest takes what a module imports for its own; without a requirement, nothing would bound
    it, and nothing report it."""

    class Collected:
        checks: Sequence[pytest.Item] = ()

        def pytest_collection_finish(self, session: pytest.Session) -> None:
            self.checks = list(session.items)

    collected = Collected()
    settings = read({"base_url": mock, "token": "test-collected", "include": ["*"]}, {})
    words = ["--pyargs", "conformance.checks", "--collect-only", "-q", "-p", "conformance.plugin"]
    pytest.main(
        [*words, "-p", "no:cacheprovider", "-c", str(PACKAGE / "pytest.ini")],
        [Launch(settings, []), collected],
    )
    assert len(collected.checks) > 300
    assert [item.name for item in collected.checks if info_of(item) is None] == []
