"""A mock in a process of its own, a proxy with every liar before it, and the kit let loose on
them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from backing import CONFIG, KEYS, serving_backend
from behaving import serving_mock
from cast import LIARS, SLOW, BackgroundRun, Judge
from lying import Proxy, serving

from conformance.front import check
from conformance.verdict.report import Report
from conformance.vocabulary import FileKind


@pytest.fixture(scope="session")
def mock() -> Iterator[str]:
    """The address of a mock in real time."""
    with serving_mock() as address:
        yield address


@pytest.fixture(scope="session")
def proxy(mock: str) -> Iterator[str]:
    """The address of all liars; each is a path below it."""
    with serving(Proxy(mock, LIARS)) as address:
        yield address


@pytest.fixture(scope="session")
def slow_liar(proxy: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackgroundRun]:
    """The kit in a process of its own, on the liar that takes half a minute to catch."""
    (liar,) = (liar for liar in LIARS if SLOW in liar.requirements)
    file = tmp_path_factory.mktemp("slow") / "report.json"
    command = [sys.executable, "-m", "conformance", "run", "--quiet", "--json", str(file)]
    command += ["--base-url", f"{proxy}/{liar.name}", "--token", f"test-{liar.name}"]
    with subprocess.Popen([*command, "--include", SLOW]) as process:
        try:
            yield BackgroundRun(process, file)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackgroundRun]:
    """The kit in a process of its own, on a backend in real time that answers in its own way."""
    file = tmp_path_factory.mktemp("backend") / "report.json"
    with serving_backend() as address:
        command = [sys.executable, "-m", "conformance", "run", "--quiet", "--json", str(file)]
        command += ["--base-url", address, "--config", str(CONFIG)]
        command += ["--junit", str(file.with_suffix(".xml"))]
        with subprocess.Popen(command, env=os.environ | KEYS) as process:
            try:
                yield BackgroundRun(process, file)
            finally:
                process.kill()


@pytest.fixture(scope="session")
def judge() -> Judge:
    """Runs the kit in this process: `judge(base_url, include, **options)`."""

    def run(base_url: str, *include: str, **options: Any) -> Report:
        # Those of a configuration file would land where the tests are run.
        files = not set(FileKind).isdisjoint(options)
        return check({"base_url": base_url, "include": include} | options, [], files=files)

    return run
