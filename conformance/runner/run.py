"""The kit called from Python, in this process and through pytest: what the command line does, and
tests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conformance.config import settings
from conformance.config.options import OPTIONS
from conformance.errors import KitError
from conformance.plugin import Front
from conformance.reporters.files import file_reporters
from conformance.results.events import Reporter
from conformance.results.report import Report
from conformance.runner import workers

HERE = Path(__file__).parent.parent


class AlreadyToldError(KitError):
    """A refusal that the reporters have heard of."""


def check(given: Mapping[str, Any], reporters: Sequence[Reporter], *, files: bool = True) -> Report:
    """Run the checks with these options, by key, the environment and the configuration file;
    returns the report, and writes the files that are asked for unless there are to be none.

    Raises ConfigurationError or, once the reporters know, AlreadyToldError if there is no run.
    """
    told = settings.read(given, os.environ)
    written = file_reporters(told.reports) if files else []
    front = Front([*reporters, *written])
    with _no_pytest_settings():
        words = [*workers.arguments(told.workers), *_arguments(given)]
        pytest.main(words, plugins=[_Named(front)])
    engine = front.engine
    if engine is None:
        raise KitError("pytest did not come up.", "Run with --verbose to see what it says.")
    if engine.refused is not None:
        raise AlreadyToldError(engine.refused.message, engine.refused.remedy)
    if engine.report is None:
        raise KitError("pytest ended without a report.", "Run the checks by pytest to see why.")
    for file in written:
        if file.failed:
            raise KitError(file.failed, "The other reports are written; make room and run again.")
    return engine.report


class _Named:
    """Registers the front under its name, where the plugin looks for it."""

    def __init__(self, front: Front) -> None:
        self._front = front

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._front, Front.NAME)
        # Nobody sees pytest's own account of a failure, and the long one takes its time.
        config.option.tbstyle = "native"


def _arguments(given: Mapping[str, Any]) -> list[str]:
    words = ["-c", str(HERE / "pytest.ini"), "--rootdir", str(HERE), "--noconftest"]
    words += ["-p", "conformance.plugin", "-p", "no:terminal", "-p", "no:cacheprovider"]
    words += ["-p", "no:logging", "--capture=no", "--pyargs", "conformance.checks"]
    for option in OPTIONS:
        value = given.get(option.key)
        name = f"--runs-{option.name}"
        if option.flag:
            words += [name] if value else []
        elif option.many:
            words += [f"{name}={each}" for each in value or ()]
        elif value:
            words.append(f"{name}={value}")
    return words


@contextmanager
def _no_pytest_settings() -> Iterator[None]:
    """Keep pytest from what is meant for other tests: its environment and installed plugins."""
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
