"""A page of a browser, and what went wrong in it."""

from playwright.sync_api import ConsoleMessage, Page, Response


class Watched:
    """A page, the addresses it ``asked`` for something, and the ``complaints`` there were."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        page.on("response", self._answered)
        page.on("console", self._logged)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def stayed_at(self, address: str) -> bool:
        """Whether nothing was asked for from anywhere but ``address``."""
        return all(url.startswith((f"{address}/", "data:")) for url in self.asked)
