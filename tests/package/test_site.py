"""The guides in docs/ and the site that `make docs` builds from them."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from environments import TOP
from playwright.sync_api import Browser, expect

from tools.build_site import (
    BrokenLinkError,
    build,
    prepare,
    with_plain_pipes,
    without_outside_links,
)

PAGES = [
    *(TOP / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md"))
]
PAGES += sorted((TOP / "docs").glob("*.md"))
CONFIG = TOP / "zensical.toml"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_to_files(page: Path) -> None:
    """From a checkout, as a code host shows it; Zensical checks the anchors."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
        assert (page.parent / link).exists(), link


def listed(entries: list[Any]) -> Iterator[str]:
    """Yield the files that a navigation leads to, in order."""
    for entry in entries:
        for target in entry.values():
            yield from [target] if isinstance(target, str) else listed(target)


def test_the_navigation_leads_to_every_page_once() -> None:
    """And so does the first page, which a code host shows."""
    nav = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["project"]["nav"]
    pages = sorted(page.name for page in (TOP / "docs").glob("*.md"))
    assert sorted(listed(nav)) == pages
    first = (TOP / "docs" / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([\w-]+\.md)\)", first)) == set(pages) - {"index.md"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a backend](../examples/flask_backend/)", "a backend (`examples/flask_backend`)"),
        ("[`openapi.yaml`](../openapi.yaml)", "`openapi.yaml`"),
        (
            "[time](control-time.md), [q](https://x.test/)",
            "[time](control-time.md), [q](https://x.test/)",
        ),
    ],
)
def test_a_link_out_of_the_site_is_a_name(text: str, shown: str) -> None:
    """The site has the guides only."""
    assert without_outside_links(text, TOP / "docs" / "index.md") == shown


@pytest.mark.parametrize("address", ["../missing.md", "../../elsewhere"])
def test_a_link_to_a_missing_file_is_an_error(address: str) -> None:
    """Also one that leaves the project."""
    with pytest.raises(BrokenLinkError, match="got '" + re.escape(address)):
        without_outside_links(f"[x]({address})", TOP / "docs" / "index.md")


def test_a_pipe_in_code_of_a_table_is_plain() -> None:
    """Elsewhere a backslash is kept."""
    page = "| `status? \\|` | a \\| b |\n`x \\| y`\n"
    assert with_plain_pipes(page) == "| `status? |` | a \\| b |\n`x \\| y`\n"


class Loaded(HTMLParser):
    """Collects the addresses that a browser loads to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "link" and (found.get("rel") or "") in {
            "stylesheet",
            "icon",
            "preload",
            "preconnect",
        }:
            self.addresses.append(found.get("href") or "")
        if tag in {"script", "img", "iframe", "source", "video"} and found.get("src"):
            self.addresses.append(found["src"] or "")


def workplace(directory: Path) -> Path:
    """Return the directory with the pages and the configuration in place."""
    prepare(TOP / "docs", directory / "build" / "docs")
    shutil.copy(CONFIG, directory)
    return directory


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the built site."""
    work = workplace(tmp_path_factory.mktemp("site"))
    assert build(work) == 0
    return work / "site"


@pytest.mark.extended
def test_no_page_loads_anything_from_another_origin(site: Path) -> None:
    """Scripts, styles, fonts and images come with the site."""
    pages = sorted(site.glob("*.html"))
    assert len(pages) == len(list((TOP / "docs").glob("*.md"))) + 1
    for page in pages:
        parser = Loaded()
        parser.feed(page.read_text(encoding="utf-8"))
        assert len(parser.addresses) > 3
        for address in parser.addresses:
            assert not re.match(r"\w+:|//", address), (page.name, address)
            if page.name != "404.html":
                assert (page.parent / address.partition("?")[0]).is_file(), (page.name, address)
    for style in site.rglob("*.css"):
        for address in re.findall(
            r"(?:url\(|@import\s+)[\"']?([^\"')]+)", style.read_text("utf-8")
        ):
            assert address.startswith(("data:", "#")) or ":" not in address, (style.name, address)


@pytest.mark.extended
@pytest.mark.parametrize("broken", ["missing.md", "index.md#missing"])
def test_a_broken_link_fails_the_build(tmp_path: Path, broken: str) -> None:
    """A page or an anchor that does not exist."""
    page = workplace(tmp_path) / "build" / "docs" / "limits.md"
    page.write_text(f"# Limits\n\n[more]({broken})\n", encoding="utf-8")
    assert build(tmp_path) != 0


@pytest.mark.extended
def test_the_site_is_searched_from_the_file_system(site: Path, browser: Browser) -> None:
    """A browser loads nothing but its files, and finds a guide by a word in it."""
    page = browser.new_page()
    loaded: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # The list of what was found is in a closed shadow root.
    page.add_init_script(
        "const attach = Element.prototype.attachShadow;"
        "Element.prototype.attachShadow = function (options) {"
        "  return attach.call(this, {...options, mode: 'open'}) }"
    )
    page.goto((site / "index.html").as_uri())
    page.get_by_role("button", name="Search").first.click()
    page.keyboard.type("exported")
    expect(page.get_by_role("option", name="Keep and share a world")).to_be_visible()
    assert {url.partition(":")[0] for url in loaded} <= {"file", "data", "blob", "about"}
    assert complaints == []
    page.close()
