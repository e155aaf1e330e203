"""The kit as a plugin of pytest: `pytest -p conformance.plugin --pyargs conformance` collects the
checks and runs them against the target named by `--runs-base-url` or RUNS_CONFORMANCE_BASE_URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from inspect import isfunction
from pathlib import Path
from typing import Any

import pytest

from conformance.config import toml_file
from conformance.config.options import BY_KEY, OPTIONS
from conformance.config.settings import read as read_settings
from conformance.errors import ConfigurationError
from conformance.harness.markers import MARKER, info_of
from conformance.redaction import harmless
from conformance.results.former_blob import remove_blob
from conformance.runner import workers
from conformance.runner.engine import Engine
from conformance.runner.outputs import configured_reporters
from conformance.runner.run import Launch

_PREFIX = "runs_"
_ENGINE = "runs-conformance-engine"
_CHECK = "check_"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the kit, each with `runs-` before its name."""
    group = parser.getgroup("runs-conformance", "Automation runs conformance")
    for option in OPTIONS:
        action = "store_true" if option.is_flag else "append" if option.multiple else "store"
        more = {} if option.is_flag else {"metavar": option.metavar}
        group.addoption(
            option.opts[0].replace("--", "--runs-", 1),
            dest=_PREFIX + option.key,
            help=(option.help or "").replace("%", "%%"),
            action=action,
            **more,
        )


def pytest_configure(config: pytest.Config) -> None:
    """Make checks collectable, and create the engine if a target is configured."""
    config.addinivalue_line("markers", f"{MARKER}(info): the requirement that a check decides")
    # Registered by pytest-xdist alone, which need not be installed.
    config.addinivalue_line("markers", "xdist_group(name): checks that one worker runs")
    config.addinivalue_line("python_files", "conformance/checks/*.py")
    config.addinivalue_line("python_functions", _CHECK)
    try:
        engine = _engine(config)
    except ConfigurationError as fault:
        raise pytest.UsageError(f"{fault.message} {fault.hint}") from None
    if engine is not None:
        config.pluginmanager.register(engine, _ENGINE)
        if not engine.worker:
            config.pluginmanager.register(workers.WorkerHooks(engine))


def _engine(config: pytest.Config) -> Engine | None:
    """Return an engine with the settings of the launch, of the controller, or of pytest's options;
    None where no target is configured."""
    worker, given = workers.name_of(config), workers.input_of(config)
    if worker:
        return None if given is None else Engine.for_worker(worker, given)
    launch = config.pluginmanager.get_plugin(Launch.NAME)
    if isinstance(launch, Launch):
        launch.engine = Engine(launch.settings, launch.reporters)
        return launch.engine
    options = {o.key: config.getoption(_PREFIX + o.key) for o in OPTIONS}
    if not _names_a_target(options):
        return None
    if blob := options["blob"] or os.environ.get(str(BY_KEY["blob"].envvar)):
        remove_blob(Path(blob))
    settings = read_settings(options)
    return Engine(settings, configured_reporters(settings))


def _names_a_target(given: Mapping[str, Any]) -> bool:
    """Whether a target is configured: the plugin may be loaded along with other tests."""
    if given["base_url"] or given["config"] or os.environ.get(str(BY_KEY["base_url"].envvar)):
        return True
    named = os.environ.get(str(BY_KEY["config"].envvar), "")
    return toml_file.find(named, Path()) is not None


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """Leave out what a module imports to make its checks from: none of it is a check by itself."""
    module = collector.getparent(pytest.Module)
    if not name.startswith(_CHECK) or module is None or not isfunction(obj):
        return None
    is_own = obj.__module__ == module.obj.__name__
    is_bound = any(mark.name == MARKER for mark in getattr(obj, "pytestmark", ()))
    return None if is_own or is_bound else []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse to run checks against nothing."""
    if config.pluginmanager.has_plugin(_ENGINE):
        return
    if any(info_of(item) for item in items):
        raise pytest.UsageError(
            "No target is named. Give --runs-base-url and a credential, the variables "
            "RUNS_CONFORMANCE_BASE_URL and RUNS_CONFORMANCE_TOKEN, or a conformance.toml."
        )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The verdicts in a line, under pytest's own report."""
    engine = config.pluginmanager.get_plugin(_ENGINE)
    if isinstance(engine, Engine) and engine.report is not None:
        counts = (f"{n} {v.value}" for v, n in engine.report.counts.items() if n)
        terminalreporter.section("conformance")
        terminalreporter.line(f"{engine.report.headline}: {', '.join(counts)}")
        if engine.report.problem:
            terminalreporter.line(harmless(engine.report.problem))
