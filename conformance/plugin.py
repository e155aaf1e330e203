"""The kit as a plugin of pytest: `pytest -p conformance.plugin --pyargs conformance` collects the
checks and runs them against the target named by `--runs-base-url` or RUNS_CONFORMANCE_BASE_URL."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance.config import settings, toml_file
from conformance.config.options import BY_KEY, OPTIONS
from conformance.errors import ConfigurationError
from conformance.harness.markers import MARKER, requirement_of
from conformance.reporters.files import file_reporters
from conformance.results.events import Reporter
from conformance.runner import workers
from conformance.runner.engine import Engine

_PREFIX = "runs_"
_ENGINE = "runs-conformance-engine"


class Front:
    """Handed to pytest by the command line: who is told what happens."""

    NAME = "runs-conformance-front"

    def __init__(self, reporters: Sequence[Reporter]) -> None:
        self.reporters = reporters
        self.engine: Engine | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the kit, each with `runs-` before its name."""
    group = parser.getgroup("runs-conformance", "Automation runs conformance")
    for option in OPTIONS:
        name, text = f"--runs-{option.name}", option.help.replace("%", "%%")
        dest = _PREFIX + option.key
        if option.flag:
            group.addoption(name, dest=dest, help=text, action="store_true")
        elif option.many:
            group.addoption(name, dest=dest, help=text, metavar=option.metavar, action="append")
        else:
            group.addoption(name, dest=dest, help=text, metavar=option.metavar)


def pytest_configure(config: pytest.Config) -> None:
    """Make checks collectable, and set up the engine if a target is named."""
    config.addinivalue_line("markers", f"{MARKER}(id): the requirement that a check decides")
    # Known to pytest-xdist alone, which need not be there.
    config.addinivalue_line("markers", "xdist_group(name): what one worker does")
    config.addinivalue_line("python_files", "conformance/checks/*.py")
    config.addinivalue_line("python_functions", "check_")
    given = {o.key: config.getoption(_PREFIX + o.key) for o in OPTIONS}
    front = config.pluginmanager.get_plugin(Front.NAME)
    worker = workers.name_of(config)
    try:
        if not _is_meant(given):
            return
        told = settings.read(workers.handed_on(config, given), os.environ)
        if isinstance(front, Front):
            reporters = front.reporters
        else:
            reporters = [] if worker else file_reporters(told.reports)
        engine = Engine(
            told,
            reporters,
            worker=worker,
            start=workers.begun(config),
            turns=workers.turns(config),
        )
    except ConfigurationError as fault:
        raise pytest.UsageError(f"{fault.message} {fault.remedy}") from None
    # Workers read these options again, and must not each draw a seed of their own.
    if told.fuzz.seed is not None:
        setattr(config.option, _PREFIX + "fuzz_seed", str(told.fuzz.seed))
    if isinstance(front, Front):
        front.engine = engine
    config.pluginmanager.register(engine, _ENGINE)
    if not worker:
        crew = workers.Crew(engine)
        config.pluginmanager.register(crew)


def _is_meant(given: Mapping[str, Any]) -> bool:
    """Whether a target is named: the plugin may be loaded beside other tests."""
    if given["base_url"] or given["config"] or os.environ.get(BY_KEY["base_url"].variable):
        return True
    named = os.environ.get(BY_KEY["config"].variable, "")
    return toml_file.find(named, Path()) is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse to run checks against nothing."""
    if config.pluginmanager.has_plugin(_ENGINE):
        return
    if any(requirement_of(item) for item in items):
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
        terminalreporter.line(f"{engine.report.conclusion}: {', '.join(counts)}")
        if engine.report.trouble:
            terminalreporter.line(engine.report.trouble)
