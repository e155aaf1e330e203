"""The dashboard where a proxy serves the mock below a path."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, expect

from mock_server.settings import Access, Settings
from mock_server.testing import serving

pytestmark = pytest.mark.extended

TOKEN = "correct-horse"
PREFIX = "/mock"


@contextmanager
def removing_prefix(settings: Settings) -> Iterator[str]:
    """Serve a mock below the prefix by a proxy that removes it and adds no header."""

    class Forward(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size) if size else None
            path = self.path.removeprefix(PREFIX)
            with closing(HTTPConnection(urlsplit(upstream).netloc)) as connection:
                connection.request(self.command, path, body, dict(self.headers.items()))
                with connection.getresponse() as response:
                    self.send_response_only(response.status)
                    for name, value in response.getheaders():
                        if name.lower() not in {"transfer-encoding", "connection"}:
                            self.send_header(name, value)
                    with suppress(OSError):  # The browser has left a stream.
                        self.end_headers()
                        while chunk := response.read1(65_536):
                            self.wfile.write(chunk)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Forward) as proxy:
        proxy.daemon_threads = False  # So that the end of the block waits for them.
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            with serving(settings) as upstream:
                yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "removes", [False, True], ids=["kept by the proxy", "removed by the proxy"]
)
def test_the_page_stays_below_its_prefix(context: BrowserContext, *, removes: bool) -> None:
    """Signing in, the feed, each view and the documents; nothing is asked for outside of it."""
    settings = Settings(start="demo", scale=0, root_path=PREFIX, access=Access(token=TOKEN))
    served = removing_prefix if removes else serving
    with served(settings) as url:
        page = context.new_page()
        paths: list[str] = []
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        context.on("request", lambda request: paths.append(urlsplit(request.url).path))
        page.goto(f"{url}{PREFIX}/")
        dialog = page.get_by_role("dialog", name="Sign in")
        dialog.get_by_label("Control token").fill(TOKEN)
        dialog.get_by_role("button", name="Sign in").click()
        page.locator(".connection.is-live").wait_for()
        expect(page.get_by_label("Code")).to_contain_text(f"{url}{PREFIX}/api/v1/automation-runs")
        page.get_by_role("link", name="New run").first.click()
        page.get_by_role("button", name="Start diamond").click()
        expect(page.locator(".run-facts")).to_contain_text("pending")
        page.get_by_role("button", name="+1 min").click()
        expect(page.locator(".run-facts")).to_contain_text("completed")
        page.get_by_text("Copy as", exact=True).click()
        views = page.get_by_role("navigation", name="Views").get_by_role("link")
        for index in range(views.count()):
            views.nth(index).click()
            page.locator("main h1").wait_for()
        views.first.click()
        page.get_by_role("link", name="Contract").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Automation runs")
        assert [path for path in paths if not path.startswith(f"{PREFIX}/")] == []
        assert errors == []
