"""Take the pictures of the dashboard that the guides show.

    make screenshots                       write docs/images
    make screenshots ARGS='--all FOLDER'   every view, in every width and theme

A mock with a frozen clock is shown, so that the pictures differ only where the dashboard does.
"""

from __future__ import annotations

import argparse
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import chromium
from playwright.sync_api import Browser, Page, sync_playwright

from mock_server.engine.clock import from_text
from mock_server.settings import Settings
from mock_server.testing import MockWorld, serving

IMAGES = Path(__file__).parents[2] / "docs" / "images"
HEIGHTS = {1440: 900, 390: 844}
THEMES = ("light", "dark")
MAX_SIZE = 80_000
"""Bytes of a picture."""

NOW = "2026-03-02T08:15:00Z"
ADDRESS = "http://127.0.0.1:8080"
RUNS = "/api/v1/automation-runs"


@dataclass(frozen=True)
class Scene:
    """A place of the dashboard, and the widths at which the guides show it, if they do."""

    place: str
    widths: tuple[int, ...] = ()


SCENES = {
    "start": Scene("start"),
    "runs": Scene("runs", (1440, 390)),
    "run": Scene("runs/{run}", (1440, 390)),
    "past": Scene("runs/{failed}?at=7&step=load", (1440,)),
    "many-steps": Scene("runs/{large}"),
    "new": Scene("new", (1440,)),
    "requests": Scene("requests/{request}", (1440,)),
    "faults": Scene("faults", (1440,)),
    "behaviour": Scene("behaviour", (1440,)),
    "coverage": Scene("coverage"),
    "state": Scene("state"),
    "streams": Scene("streams"),
}


def pictures() -> Iterator[tuple[str, Scene, int, str]]:
    """Return the name, scene, width and theme of each picture of the guides."""
    for name, scene in SCENES.items():
        for width in scene.widths:
            for theme in THEMES:
                yield f"{name}-{width}-{theme}.webp", scene, width, theme


class Gallery:
    """A mock with something in every view, and a browser that shows it."""

    def __init__(self, browser: Browser, url: str, places: dict[str, str]) -> None:
        self._browser, self._url, self._places = browser, url, places

    def take(self, scene: Scene, width: int, theme: str) -> bytes:
        """Return the picture of a scene as WebP."""
        size = {"width": width, "height": HEIGHTS[width]}
        context = self._browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            color_scheme=theme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            device_scale_factor=1 if width > 1_000 else 2,
        )
        with context:
            page = context.new_page()
            page.goto(f"{self._url}/#/w/demo/{scene.place.format(**self._places)}")
            page.locator(".connection.is-live").wait_for()
            page.locator("main h1").wait_for()
            page.wait_for_load_state("networkidle")
            page.evaluate("document.fonts.ready")
            return _webp(page)


def _webp(page: Page) -> bytes:
    """Return what the page shows, in the best quality that is small enough."""
    session = page.context.new_cdp_session(page)
    for quality in (85, 75, 65, 55):
        shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": quality})
        picture = base64.b64decode(shot["data"])
        if len(picture) <= MAX_SIZE:
            break
    return picture


@contextmanager
def gallery() -> Iterator[Gallery]:
    """Serve the mock, shown at the address that the guides name."""
    settings = Settings(seed=7, scale=0, now=from_text(NOW))
    with serving(settings) as url, sync_playwright() as playwright:
        places = _prepare(url)
        address = f"--host-resolver-rules=MAP {ADDRESS[7:]} {url[7:]}"
        with chromium.launch(playwright, address) as browser:
            yield Gallery(browser, ADDRESS, places)


def _prepare(url: str) -> dict[str, str]:
    """Fill the world, as a client and a test would; return the ids of what the scenes show."""
    with MockWorld(url, "demo", scale=0, now=NOW, seed=7) as world:
        client = world.client
        run = world.create("long-haul")
        world.advance(100)
        failed = world.create("failure-in-the-middle")
        world.create("approval")
        world.advance(40)
        client.post(f"{RUNS}/{failed}/retry", json={"mode": "from_failed"})
        large = world.create("fan-out")
        world.advance(7)
        client.headers["User-Agent"] = "my-app/1.0"
        world.control("fault-presets/dying-stream")
        world.control("faults", status={"code": 503}, probability=0.2, count=3)
        client.get(f"{RUNS}?status=running&limit=20")
        client.get(f"{RUNS}/{run}/steps")
        client.post(f"{RUNS}/{failed}/retry", json={"mode": "from_step", "stepKey": "nothing"})
        client.get(f"{RUNS}/{run}")
        client.post(f"{RUNS}/{large}/cancel?why=late")
        request = client.get(f"{RUNS}?status=lost&limti=5").headers["x-mock-request"]
        client.get("/api/v1/automation-run")
        client.get(f"{RUNS}/{run}", headers={"Prefer": "fault=status"})
    return {"run": run, "failed": failed, "large": large, "request": request}


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="write every picture to FOLDER")
    folder = parser.parse_args().all
    if folder:
        every = [
            (f"{name}-{width}-{theme}.webp", scene, width, theme)
            for name, scene in SCENES.items()
            for width in HEIGHTS
            for theme in THEMES
        ]
    else:
        every, folder = list(pictures()), IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with gallery() as shown:
        for name, scene, width, theme in every:
            content = shown.take(scene, width, theme)
            (folder / name).write_bytes(content)
            print(f"{folder / name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
