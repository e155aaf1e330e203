"""What several of the end-to-end tests share."""

from collections.abc import Iterator

import pytest
from driver import Driver
from playwright.sync_api import Browser, Page
from processes import PATIENCE
from watched import Watched

from mock_server.testing import MockWorld


@pytest.fixture
def drive(mock_world: MockWorld, mock_server_url: str) -> Driver:
    return Driver(mock_world, mock_server_url)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1100, "height": 800}) as context:
        context.set_default_timeout(PATIENCE * 1_000)
        yield context.new_page()


@pytest.fixture
def watched(page: Page) -> Watched:
    return Watched(page)
