"""What every test may use: the mock's own fixtures, as its users get them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import chromium
import pytest
from playwright.sync_api import Browser, sync_playwright

pytest_plugins = ["mock_server.pytest_plugin"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as it is installed.

    One for each module: as long as Playwright runs, no test of the same process can run an event
    loop of its own.
    """
    if chromium.PATH is None and "CI" not in os.environ:
        pytest.skip("chromium is not on this machine")
    with sync_playwright() as playwright, chromium.launch(playwright) as browser:
        yield browser


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers more than there are processors: most tests wait for another process."""
    return (os.cpu_count() or 1) + 2


def pytest_configure(config: pytest.Config) -> None:
    """Hundreds of processes are started: where no bytecode may stand next to the sources, it stands
    in pytest's cache, or each of them would compile the same modules again."""
    cache = getattr(config, "cache", None)
    if sys.dont_write_bytecode and cache is not None:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(cache.mkdir("bytecode")))
    # A shell starts what it puts into the background with Ctrl-C ignored, and processes that the
    # tests start would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
