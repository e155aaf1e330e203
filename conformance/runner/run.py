"""Run the checks in this process, through pytest, for the command line and for tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from conformance.config.settings import Settings
from conformance.errors import KitError
from conformance.results.events import Reporter
from conformance.results.report import Report
from conformance.runner import workers
from conformance.runner.engine import Engine
from conformance.runner.outputs import configured_reporters
from conformance.signals import handled

PACKAGE = Path(__file__).parent.parent


class ReportedError(KitError):
    """An error that the reporters have shown already."""


class Launch:
    """A plugin that carries the settings and reporters of a run into pytest, and its engine out."""

    NAME = "runs-conformance-launch"

    def __init__(self, settings: Settings, reporters: Sequence[Reporter]) -> None:
        # pytest registers a plugin under this name.
        self.__name__ = self.NAME
        self.settings = settings
        self.reporters = reporters
        self.engine: Engine | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Shorten pytest's own rendering of failures, which is not shown and takes long."""
        config.option.tbstyle = "native"


def run_checks(settings: Settings, reporters: Sequence[Reporter], *, files: bool = True) -> Report:
    """Run the checks and return the report; with `files`, write the reports that are configured.

    Raise KitError if the run cannot start: ReportedError where the reporters have shown why.
    """
    written = configured_reporters(settings) if files else []
    launch = Launch(settings, [*reporters, *written])
    with _no_pytest_settings(), interruptible():
        pytest.main([*workers.arguments(settings.workers), *_ARGUMENTS], plugins=[launch])
    engine = launch.engine
    if engine is None:
        raise KitError("pytest did not start.", "Run with --verbose and read its output.")
    if engine.refused is not None:
        raise ReportedError(engine.refused.message, engine.refused.hint)
    if engine.report is None:
        raise KitError(
            "pytest ended without a report.", "Run the checks with pytest and read its output."
        )
    if failed := [each.failed for each in written if each.failed]:
        raise KitError("\n".join(failed), "The other reports are written.")
    return engine.report


_ARGUMENTS = (
    *("-c", str(PACKAGE / "pytest.ini"), "--rootdir", str(PACKAGE), "--noconftest"),
    *("-p", "conformance.plugin", "-p", "no:terminal", "-p", "no:cacheprovider"),
    # The checks are not to fail by what the host of a run leaves to the garbage collector.
    *("-p", "no:unraisableexception", "-p", "no:threadexception"),
    *("-p", "no:logging", "--capture=no", "--pyargs", "conformance.checks"),
)


def interruptible() -> AbstractContextManager[None]:
    """Treat the signals that end a process like Ctrl-C, once: partial results are reported, and no
    child and no temporary file is left."""
    names = ("SIGTERM", "SIGHUP")

    def interrupt() -> None:
        for name in names:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        raise KeyboardInterrupt

    return handled(names, interrupt)


@contextmanager
def _no_pytest_settings() -> Iterator[None]:
    """Hide settings that are meant for other tests: pytest's variables and installed plugins."""
    names = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    kept = {name: os.environ.pop(name, None) for name in names}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
