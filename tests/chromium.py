"""Chromium as it is installed, for the tests and the pictures of the guides."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, Playwright

PATH = shutil.which("chromium")

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def launch(playwright: Playwright, *flags: str) -> Browser:
    """Start Chromium with ``flags``. Raise FileNotFoundError where there is none."""
    if PATH is None:
        raise FileNotFoundError("chromium: expected it on the path, got nothing. Install it.")
    return playwright.chromium.launch(executable_path=PATH, args=[*_FLAGS, *flags])
