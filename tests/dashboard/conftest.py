"""A browser for the dashboard, and pages that fail a test by anything that a person should not see:
an error in the console, a violation of the policy, a request to another origin."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from dashboard_visit import Visit
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from mock_server.testing import MockWorld

QUIET = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
QUIET += " disable-component-update disable-sync"
PATIENCE = 30_000
"""Milliseconds that a page may take; a loaded machine is slow."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None and "CI" not in os.environ:
        pytest.skip("chromium is not on this machine: the dashboard was not opened")
    assert chromium, "chromium is not on this machine"
    flags = [f"--{flag}" for flag in QUIET.split()]
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(PATIENCE)
        yield context


@pytest.fixture
def visit(context: BrowserContext, mock_world: MockWorld) -> Iterator[Visit]:
    visit = Visit(context, mock_world)
    yield visit
    assert visit.complaints == []
