"""The files of the dashboard: small, cached for good, protected, and there behind a prefix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import raw_http

import mock_server
from mock_server.http import dashboard
from mock_server.http.files import File
from mock_server.testing import MockWorld

DIRECTORY = Path(mock_server.__file__).parent / "dashboard"


def links(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="(dashboard/[^"]+)"', page)


def test_all_files_together_are_small(mock_world: MockWorld) -> None:
    """At most 60 KB as a browser receives them, so that the first paint waits for nothing."""
    page = mock_world.client.get("/")
    received = 0
    for link in set(links(page.text)):
        headers = {"Accept-Encoding": "gzip, deflate, br, zstd"}
        with mock_world.client.stream("GET", f"/{link}", headers=headers) as response:
            body = b"".join(response.iter_raw())
        assert response.headers["content-encoding"] == "gzip"
        assert len(body) == int(response.headers["content-length"])
        received += len(body)
    assert 20_000 < received <= 60_000


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        *(("gzip", "gzip"), ("GZIP", "gzip"), ("br, *;q=0.1", "gzip"), ("gzip;q=0.001", "gzip")),
        *(("", None), ("br", None), ("identity", None), ("gzip;q=0, *", None), ("*;q=0", None)),
    ],
)
@pytest.mark.parametrize("path", ["/", "/static/swagger-ui/swagger-ui.css"])
def test_a_file_is_compressed_for_clients_that_accept_it(
    mock_world: MockWorld, path: str, accepted: str, encoding: str | None
) -> None:
    """Each encoding has a tag of its own, and caches keep them apart."""
    plain = mock_world.client.get(path, headers={"Accept-Encoding": "identity"})
    answer = mock_world.client.get(path, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == encoding
    assert answer.content == plain.content
    assert "Accept-Encoding" in answer.headers["vary"]
    assert (answer.headers["etag"] == plain.headers["etag"]) == (encoding is None)
    known = {"Accept-Encoding": accepted, "If-None-Match": f'"x", {answer.headers["etag"]}'}
    again = mock_world.client.get(path, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    other = "gzip" if encoding is None else "identity"
    known["Accept-Encoding"] = other
    assert mock_world.client.get(path, headers=known).status_code == 200
    head = mock_world.client.head(path, headers={"Accept-Encoding": accepted})
    assert head.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize(
    "name", ["%00", "../app.py", "%2e%2e/app.py", "docs", "", "nothing.js", "a" * 5_000]
)
def test_other_static_files_are_not_served(mock_world: MockWorld, name: str) -> None:
    """Neither folders, nor what lies outside, nor names that no file can have."""
    head, _ = raw_http.answer(mock_world, f"/static/{name}", "GET")
    assert head.startswith(b"HTTP/1.1 404 ")


def test_comments_are_not_sent() -> None:
    """Documentation and types are left out; text and code that look alike are not."""
    module = b"""/** Document. */
import { a } from "./a.js";
/**
 * Document
 * @param {string} text
 */
const url = (/** @type {string} */ text) => `
// kept
/**/ https://x/** kept */`;
  /* Note. */
  /** @type {any} */ (url)();
"""
    sent = b"""import { a } from "./a.js";
const url = (text) => `
// kept
/**/ https://x/** kept */`;
  (url)();
"""
    assert dashboard.without_comments(module) == sent


def test_no_module_is_too_long_to_read() -> None:
    """400 lines, as for Python; a vendored file is not ours to cut."""
    for name in dashboard.files():
        if not name.startswith("vendor/"):
            assert len((DIRECTORY / name).read_text(encoding="utf-8").splitlines()) <= 400, name


def test_the_page_names_every_module_and_each_is_kept_forever(mock_world: MockWorld) -> None:
    """The page itself is revalidated; a file has a version in its path."""
    page = mock_world.client.get("/")
    assert page.headers["cache-control"] == "no-cache"
    found = set(links(page.text))
    prefix = f"dashboard/{dashboard.snapshot()[0]}"
    assert found == {f"{prefix}/{name}" for name in dashboard.files()}
    for link in found:
        file = mock_world.client.get(f"/{link}")
        assert file.status_code == 200
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        kind = "text/css" if link.endswith(".css") else "text/javascript"
        assert file.headers["content-type"] == f"{kind}; charset=utf-8"


def test_a_file_of_another_version_is_not_kept(mock_world: MockWorld) -> None:
    """A page that was open during an upgrade still works."""
    file = mock_world.client.get("/dashboard/000000000000/app.js")
    assert file.status_code == 200
    assert file.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "name",
    [
        "types.d.ts",
        "preact.d.ts",
        "vendor/LICENSE",
        "../app.py",
        "%2e%2e/app.py",
        "parts/",
        "nothing.js",
    ],
)
def test_other_files_are_not_served(mock_world: MockWorld, name: str) -> None:
    """Only modules and styles."""
    assert mock_world.client.get(f"/dashboard/{dashboard.snapshot()[0]}/{name}").status_code == 404


def test_nothing_inline_may_run(mock_world: MockWorld) -> None:
    """The policy has no exception, neither a hash nor `unsafe-inline`."""
    for path in ("/", f"/dashboard/{dashboard.snapshot()[0]}/app.js"):
        policy = mock_world.client.get(path).headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
        assert "sha256" not in policy
        assert "unsafe" not in policy
    assert "<style" not in mock_world.client.get("/").text


def test_a_browser_at_the_control_api_gets_the_dashboard(mock_world: MockWorld) -> None:
    """Other clients get the index."""
    browser = mock_world.client.get("/_mock/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (browser.status_code, browser.headers["location"]) == (302, "../")
    assert mock_world.client.get("/_mock/").json()["document"].endswith("openapi.yaml")
    assert mock_world.client.get("/_mock").json()["operations"]


def test_every_link_is_relative(mock_world: MockWorld) -> None:
    """So that a prefix of a proxy stays."""
    page = mock_world.client.get("/").text
    absolute = [link for link in re.findall(r'(?:href|src)="([^"]*)"', page) if link[0] == "/"]
    assert absolute == []


def test_without_scripts_the_page_still_says_what_this_is(mock_world: MockWorld) -> None:
    """Clients without scripts read the same first steps."""
    text = mock_world.client.get("/").text
    start = text.index("<noscript>")
    assert f"'{mock_world.base_url}/api/v1/automation-runs" in text[start:]


def test_the_version_follows_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit has another path at once, without a restart."""
    (tmp_path / "app.js").write_text("1", encoding="utf-8")
    monkeypatch.setattr(dashboard, "_DIRECTORY", tmp_path)
    before = dashboard.snapshot()[0]
    assert before == dashboard.snapshot()[0]
    (tmp_path / "app.js").write_text("12", encoding="utf-8")
    assert dashboard.snapshot()[0] != before


def test_an_open_page_keeps_its_files(
    mock_world: MockWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that is loaded after an edit is still that of the page."""
    (tmp_path / "app.js").write_text("old", encoding="utf-8")
    monkeypatch.setattr(dashboard, "_DIRECTORY", tmp_path)
    [link] = {link for link in links(mock_world.client.get("/").text) if "app.js" in link}
    (tmp_path / "app.js").write_text("newer", encoding="utf-8")
    assert mock_world.client.get(f"/{link}").text == "old"
    [again] = {link for link in links(mock_world.client.get("/").text) if "app.js" in link}
    assert mock_world.client.get(f"/{again}").text == "newer"


def test_a_start_reads_no_file(monkeypatch: pytest.MonkeyPatch, mock_world: MockWorld) -> None:
    """Not before the first request for the page: other requests do not look at the files."""
    looked: list[str] = []
    snapshot = dashboard.snapshot

    def look() -> tuple[str, Mapping[str, File]]:
        looked.append("snapshot")
        return snapshot()

    monkeypatch.setattr(dashboard, "snapshot", look)
    assert mock_world.client.get("/_mock/health").status_code == 200
    assert looked == []
    assert mock_world.client.get("/").status_code == 200
    assert looked == ["snapshot"]
