"""A visit to the dashboard, and what the browser complains about meanwhile."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from mock_server.testing import MockWorld


class Visit:
    """A page of the dashboard in one world, and the ``complaints`` of the browser about it."""

    def __init__(self, context: BrowserContext, world: MockWorld) -> None:
        self.world = world
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.origin = urlsplit(world.base_url).netloc
        self.expected = False
        context.on("request", lambda request: self._asked(request.url))
        self.page.on("console", self._logged)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.netloc != self.origin:
            self.complaints.append(f"other origin: {url}")

    def _logged(self, message: ConsoleMessage) -> None:
        # A browser logs each error response; a test that causes some says so.
        known = self.expected and "Failed to load resource" in message.text
        if message.type in {"error", "warning"} and not known:
            self.complaints.append(f"{message.type}: {message.text}")

    def open(self, place: str) -> Page:
        """Open ``#/w/WORLD/place``, wait until the page is live, and return it."""
        self.page.goto(f"{self.world.base_url}/#/w/{self.world.key}/{place}")
        self.page.locator(".connection.is-live").wait_for()
        return self.page
