"""A browser for the dashboard, and pages that fail a test by anything that a person should not see:
an error in the console, a violation of the policy, a request to another origin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dashboard_visit import Visit
from playwright.sync_api import Browser, BrowserContext, expect

from mock_server.testing import MockWorld

PATIENCE = 30_000
"""Milliseconds that a page may take; a loaded machine is slow."""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    expect.set_options(timeout=PATIENCE)
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(PATIENCE)
        yield context


@pytest.fixture
def visit(context: BrowserContext, mock_world: MockWorld) -> Iterator[Visit]:
    visit = Visit(context, mock_world)
    yield visit
    assert visit.complaints == []
