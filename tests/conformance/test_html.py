"""The page of a report in a real browser, from disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from support import Judge

PATIENCE = 20_000


@pytest.fixture(scope="module")
def file(proxy: str, judge: Judge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run against a mutant."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    include = ["GET-0[1-5]", "LIST-0[1-8]", "LIFE-0[235]", "EVENTS-04"]
    judge(f"{proxy}/version-is-text", *include, token="test-page", html=str(file))
    return file


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    """The page, opened; it must ask for nothing and complain of nothing."""
    with browser.new_context(viewport={"width": 1200, "height": 900}) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(file.as_uri())
        yield page
        assert ([url for url in asked if not url.startswith(file.as_uri())], said) == ([], [])


def shown(page: Page) -> list[str]:
    """The ids of the requirements in sight."""
    found: list[str] = page.locator(".entry:visible").evaluate_all("all => all.map(e => e.id)")
    return found


def test_filters(page: Page) -> None:
    """By verdict, level, operation and text, and all of them together."""
    everything = shown(page)
    assert everything[:2] == ["LIST-02", "GET-01"], "worst first, what follows behind its cause"
    page.locator(".chip.violation").click()
    assert "GET-02" not in shown(page)
    page.get_by_label("Operation").select_option("getRun")
    assert shown(page) == ["GET-01"]
    expect(page.locator("#shown")).to_have_text(f"1 of {len(everything)} shown")
    page.locator(".chip.violation").click()
    page.get_by_label("Operation").select_option("")
    page.get_by_label("Level of evidence").select_option("inferred")
    assert "GET-02" in shown(page)
    assert "GET-01" not in shown(page)
    page.get_by_label("Level of evidence").select_option("")
    page.get_by_role("searchbox").fill("versionnumber integer")
    assert "LIST-02" in shown(page)
    assert "LIST-05" not in shown(page)


def test_from_the_requirement_to_the_traffic(page: Page) -> None:
    """Source, evidence, command, exchange; what follows is a link to its cause."""
    entry = page.locator("#LIST-02")
    entry.locator("summary").first.click()
    expect(entry).to_contain_text("List All Runs, response body")
    expect(entry).to_contain_text("documented: the reference page says it")
    expect(entry).to_contain_text("openapi.yaml#/components/schemas/Run/properties/versionNumber")
    entry.locator(".failing summary").click()
    expect(entry.locator(".failing")).to_contain_text("authorization: Bearer $TOKEN")
    expect(entry.locator(".failing")).to_contain_text('"versionNumber": "')
    entry.get_by_role("link", name="GET-01").click()
    expect(page.locator("#GET-01")).to_have_attribute("open", "")
    expect(page.locator("#GET-01")).to_contain_text("Caused by LIST-02")


def test_the_command_can_be_copied(page: Page) -> None:
    """As it stands, also where a page has no clipboard of its own."""
    page.locator("#LIST-02 > summary").click()
    button = page.locator("#LIST-02 button.copy")
    button.click()
    expect(button).to_have_text("Copied")


def test_runs_are_drawn(page: Page) -> None:
    """A bar for each step that ran, in the order of time; the picture says in words what it is."""
    card = page.locator(".card", has_text="Run provided for fails")
    picture = card.locator("svg")
    assert "pending, then running, then failed" in (picture.get_attribute("aria-label") or "")
    assert picture.locator(".bar.failed").count() == 2, "the step and the run"
    expect(picture).to_contain_text("skipped")
    stream = page.locator(".card", has_text="Stream of a run that succeeds")
    assert stream.locator(".event").count() >= 6


def test_on_a_phone(page: Page) -> None:
    """Nothing is wider than the screen, and what is touched is large enough."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#LIST-02 > summary").click()
    for exchange in page.locator("#LIST-02 .exchange > summary").all():
        exchange.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = [
        b.bounding_box() for b in page.locator("select, .chip, .entry:visible > summary").all()
    ]
    assert all(box is not None and box["height"] >= 28 for box in boxes)


def test_in_the_dark_and_on_paper(page: Page) -> None:
    """Colours follow the subscriber's wish; paper has no controls, and what failed is open."""
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light
    page.emulate_media(media="print", color_scheme="light")
    expect(page.locator(".filters")).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("#LIST-02")).to_have_attribute("open", "")
    expect(page.locator("#LIST-05")).not_to_have_attribute("open", "")


def test_by_keyboard_and_by_ear(page: Page) -> None:
    """Every control has a name and can be reached; pictures have words; one heading leads."""
    snapshot = page.locator("main").aria_snapshot()
    for name in ("Level of evidence", "Operation", "Search ids, statements and messages"):
        assert name in snapshot
    assert page.locator("h1").count() == 1
    assert page.locator("svg:not([aria-label])").count() == 0
    page.locator(".chip.pass input").focus()
    page.keyboard.press("Space")
    assert "LIST-02" not in shown(page)
    page.locator("#LIST-05 > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#LIST-05")).to_have_attribute("open", "")
