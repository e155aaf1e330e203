"""What several of the end-to-end tests share."""

import os
import shutil
from collections.abc import Iterator

import pytest
from driver import Driver
from playwright.sync_api import Browser, Page, sync_playwright
from processes import PATIENCE
from watched import Watched

from mock_server.testing import MockWorld

QUIET = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
QUIET += " disable-component-update disable-sync"


@pytest.fixture
def drive(mock_world: MockWorld, mock_server_url: str) -> Driver:
    return Driver(mock_world, mock_server_url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None and "CI" not in os.environ:
        pytest.skip("chromium is not on this machine: no browser was asked")
    assert chromium, "chromium is not on this machine"
    flags = [f"--{flag}" for flag in QUIET.split()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1100, "height": 800}) as context:
        context.set_default_timeout(PATIENCE * 1_000)
        yield context.new_page()


@pytest.fixture
def watched(page: Page) -> Watched:
    return Watched(page)
