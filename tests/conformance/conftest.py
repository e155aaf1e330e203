"""A mock in a process of its own, a proxy with every mutant before it, and the kit let loose on
them."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx2
import pytest
from backend_process import CONFIG, KEYS, serving_backend
from mock_process import serving_mock
from mutating_proxy import Proxy, serving
from support import MUTANTS, SLOW, SLOW_MUTANTS, BackgroundRun, Judge, in_background

from conformance.config.settings import read
from conformance.results.report import Report
from conformance.runner.run import run_checks
from conformance.vocabulary import FileKind


@pytest.fixture(scope="session")
def mock() -> Iterator[str]:
    """The address of a mock in real time."""
    with serving_mock() as address:
        yield address


@pytest.fixture(scope="session")
def proxy(mock: str) -> Iterator[str]:
    """The address of all mutants; each is a path below it."""
    with serving(Proxy(mock, MUTANTS)) as address:
        yield address


@pytest.fixture(scope="session")
def reference(mock: str, together: Path) -> Iterator[BackgroundRun]:
    """The kit in a process of its own, with all that it has, on the mock as it is. It limits rates,
    so that there is something to look at."""
    limits = {"rateLimit": {"limit": 1_000_000}}
    world = "test-reference"
    with httpx2.Client(headers={"X-API-Key": world}, verify=False) as client:
        client.post(f"{mock}/_mock/faults", json=limits).raise_for_status()
    # On a slow machine it takes long.
    words = ["--token", world, "--budget", "30m"]
    with in_background(together / "reference.json", nullcontext(mock), *words) as run:
        yield run


@pytest.fixture(scope="session")
def slow_mutant(proxy: str, together: Path) -> Iterator[BackgroundRun]:
    """The kit in a process of its own, on the mutant that takes half a minute to catch."""
    there = nullcontext(f"{proxy}/{SLOW_MUTANTS[0].name}")
    words = ["--token", f"test-{SLOW_MUTANTS[0].name}", "--include", SLOW]
    with in_background(together / "slow.json", there, *words) as run:
        yield run


@pytest.fixture(scope="session")
def backend(together: Path) -> Iterator[BackgroundRun]:
    """The kit in a process of its own, with all but generated tests, on a backend in real time that
    answers in its own way."""
    file = together / "backend.json"
    words = ["--config", str(CONFIG), "--junit", str(file.with_suffix(".xml"))]
    words += ["--html", str(file.with_suffix(".html")), "--budget", "30m"]
    with in_background(file, serving_backend(), *words, **KEYS) as run:
        yield run


@pytest.fixture(scope="session", autouse=True)
def early(request: pytest.FixtureRequest) -> None:
    """Begin what takes its time in the background, where a test is about it, before the first
    test."""
    wanted = {name for item in request.session.items for name in item.fixturenames}
    for name in sorted(wanted & {"slow_mutant", "backend", "reference"}):
        request.getfixturevalue(name)


@pytest.fixture(scope="session")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for all processes of these tests."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def judge() -> Judge:
    """Runs the kit in this process: `judge(base_url, include, **options)`."""
    # Each run of pytest within this one looks for garbage several times, in all that is there.
    gc.collect()
    gc.freeze()

    def run(base_url: str, *include: str, **options: Any) -> Report:
        # Those of a configuration file would land where the tests are run.
        files = not set(FileKind).isdisjoint(options)
        settings = read({"base_url": base_url, "include": include} | options, os.environ)
        return run_checks(settings, [], files=files)

    return run
