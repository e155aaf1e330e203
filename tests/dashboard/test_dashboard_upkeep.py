"""The dashboard over time and at its limits: lost connections, large worlds, every route by axe."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from dashboard_visit import Visit
from node import tool
from playwright.sync_api import BrowserContext, Page, expect

from mock_server.settings import Access, Settings
from mock_server.testing import MockWorld, serving

TOOLS = Path(__file__).parent / "tools"
RUNS = "/api/v1/automation-runs"
VIEWS = [
    "start",
    "runs",
    "new",
    "new/diamond",
    "new/own",
    "requests",
    "faults",
    "behaviour",
    "coverage",
    "state",
    "streams",
]
WIDTHS = (360, 390, 768, 1440, 1920)


def test_a_reset_is_noticed(visit: Visit) -> None:
    """The list is empty at once; a run that is gone says so."""
    run_id = visit.world.create("diamond")
    page = visit.open(f"runs/{run_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Weekly revenue report")
    visit.expected = True  # The run is asked for once more.
    visit.world.control("reset", start="empty", scale=0)
    expect(page.get_by_role("heading", name="This run is not in the world")).to_be_visible()
    page.get_by_role("link", name="Show all runs").click()
    expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()


def test_a_page_signs_in_with_the_token(context: BrowserContext) -> None:
    """A wrong one is rejected in words; the right one makes the page live, until it signs out."""
    with serving(Settings(start="empty", access=Access(token="correct-horse"))) as url:
        page = context.new_page()
        page.goto(url)
        dialog = page.get_by_role("dialog", name="Sign in")
        dialog.get_by_label("Control token").fill("wrong")
        dialog.get_by_role("button", name="Sign in").click()
        expect(dialog.get_by_role("alert")).to_be_visible()
        dialog.get_by_label("Control token").fill("correct-horse")
        dialog.get_by_role("button", name="Sign in").click()
        page.locator(".connection.is-live").wait_for()
        expect(dialog).to_be_hidden()
        page.get_by_role("link", name="New run").first.click()
        page.get_by_role("button", name="Start diamond").click()
        expect(page.locator(".run-facts")).to_contain_text("pending")
        page.get_by_role("button", name="Sign out").click()
        expect(dialog).to_be_visible()
        expect(page.locator(".run-facts")).to_be_hidden()


@pytest.mark.extended
@pytest.mark.parametrize("name", ["nowhere", "NO <b>NAME</b>"])
def test_an_unknown_world_is_named(visit: Visit, name: str) -> None:
    """The mock is not said to be stopped; the page leads to a world that there is."""
    visit.expected = True
    page = visit.page
    page.goto(f"{visit.world.base_url}/#/w/{quote(name, safe='')}/runs")
    alert = page.get_by_role("alert").filter(has_text=f"The mock has no world {name}.")
    expect(alert).to_be_visible()
    expect(page.locator("main h1")).to_be_hidden()
    alert.get_by_role("link", name="Show demo").click()
    page.locator(".connection.is-live").wait_for()
    expect(alert).to_be_hidden()


@pytest.mark.extended
@pytest.mark.parametrize("run_id", ["00000000-0000-4000-8000-000000000000", "no-id"])
def test_an_unknown_run_is_explained(visit: Visit, run_id: str) -> None:
    """Also one whose id no run can have."""
    visit.expected = True
    page = visit.open(f"runs/{run_id}")
    expect(page.get_by_role("heading", name="This run is not in the world")).to_be_visible()
    expect(page.get_by_text("Reading the run")).to_be_hidden()


@pytest.mark.extended
def test_a_restarted_mock_is_found_again(context: BrowserContext) -> None:
    """The page says that the mock is stopped, reconnects by itself, and shows the new world."""
    page = context.new_page()
    with serving(Settings(start="empty")) as url:
        with MockWorld(url, "demo", start="empty", scale=0) as world:
            world.create("diamond")
        page.goto(f"{url}/#/w/demo/runs")
        expect(page.get_by_role("listitem")).to_have_count(1)
    expect(page.get_by_role("alert")).to_contain_text("reconnects by itself")
    port = int(url.rpartition(":")[2])
    with _serving_at(port), MockWorld(url, "demo", start="empty", scale=0) as world:
        page.locator(".connection.is-live").wait_for()
        expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
        world.create("flaky")
        expect(page.get_by_role("listitem")).to_have_count(1)


@contextmanager
def _serving_at(port: int) -> Iterator[None]:
    """Serve a mock at that port, in a process of its own."""
    command = [sys.executable, "-m", "mock_server", "serve", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--start", "empty"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert process.stdout is not None
        while b"stops it" not in (line := process.stdout.readline()):
            assert line, "the mock did not start"
        yield
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.extended
def test_a_page_that_was_hidden_catches_up(visit: Visit) -> None:
    """A laptop that was asleep: what was missed is there when the page is shown again."""
    page = visit.open("runs")
    hide = """hidden => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
    page.evaluate(hide, True)
    run_id = visit.world.create("diamond")
    page.evaluate(hide, False)
    expect(page.get_by_role("listitem")).to_contain_text(run_id[:8])


@pytest.mark.extended
@pytest.mark.parametrize("act", ["graph", "slider"])
def test_five_hundred_steps_are_drawn(visit: Visit, act: str) -> None:
    """Each once, in the graph and in time; and at any event."""
    run_id = visit.world.create("five-hundred-steps")
    visit.world.advance(8)
    page = visit.open(f"runs/{run_id}")
    expect(page.locator(".node")).to_have_count(500)
    expect(page.locator(".gantt-row")).to_have_count(500)
    if act == "slider":
        page.get_by_role("slider", name="Time").fill("40")
        expect(page.locator(".slider-text b")).to_have_text("40")
        expect(page.locator(".node.is-running, .node.is-completed")).not_to_have_count(0)


@pytest.mark.extended
def test_ten_thousand_runs_scroll(visit: Visit) -> None:
    """Few rows are in the page at a time; the last one is reached, and others are counted."""
    visit.world.control("reset", start="ten-thousand", scale=0)
    total = visit.world.control("runs?limit=0", "GET")["total"]
    page = visit.open("runs")
    rows = page.get_by_role("listitem")
    expect(rows.first).to_have_attribute("aria-setsize", str(total))
    page.locator(".scroller").evaluate("area => { area.scrollTop = area.scrollHeight }")
    expect(page.locator(f'[aria-posinset="{total}"]')).to_be_visible()
    assert rows.count() <= 200
    visit.world.create("diamond")
    pill = page.get_by_role("button", name="1 new")
    pill.click()
    expect(page.locator('[aria-posinset="1"]')).to_contain_text("diamond")
    expect(pill).to_be_hidden()


@pytest.fixture
def full(visit: Visit) -> Visit:
    """A world with something in every view: runs, requests, a fault."""
    world = visit.world
    world.control("reset", start="edge-cases", scale=0)
    world.create("approval")
    world.advance(3)
    world.client.get(f"{RUNS}?status=lost")
    world.client.get(RUNS)
    world.control("fault-presets/slow")
    return visit


def _axe(page: Page) -> list[str]:
    page.evaluate((TOOLS / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['help']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found["violations"]
        for node in one["nodes"][:3]
    ]


@pytest.mark.extended
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_route(full: Visit, scheme: str) -> None:
    """Names, roles, contrast, landmarks; of each view, a run, a request, the dialogs."""
    tool("tsc", TOOLS)  # Skips where the tools cannot be.
    full.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    [run] = full.world.control("runs?search=approval&limit=1", "GET")["items"]
    [request, *_] = full.world.control("requests?with=flaws", "GET")["items"]
    places = [
        *VIEWS,
        f"runs/{run['run']['id']}",
        f"runs/{run['run']['id']}?at=3&step=check",
        "runs/00000000-0000-4000-8000-000000000000",
        f"requests/{request['number']}",
    ]
    full.expected = True  # One run is unknown.
    found: dict[str, list[str]] = {}
    for place in places:
        page = full.open(place)
        page.get_by_role("heading").first.wait_for()
        found[place] = _axe(page)
    for key, dialog in (("?", "Keys"), ("Control+k", "Commands")):
        page = full.open("start")
        page.keyboard.press(key)
        page.get_by_role("dialog", name=dialog).wait_for()
        found[dialog] = _axe(page)
    problems = [f"{place}: {error}" for place, errors in found.items() for error in errors]
    assert "\n".join(problems) == ""


@pytest.mark.extended
@pytest.mark.parametrize("width", WIDTHS)
def test_no_view_is_wider_than_the_window(full: Visit, width: int) -> None:
    """From a small phone to a large screen: only tables and pictures scroll sideways."""
    full.page.set_viewport_size({"width": width, "height": 800})
    [run] = full.world.control("runs?search=approval&limit=1", "GET")["items"]
    wide = {}
    for place in [*VIEWS, f"runs/{run['run']['id']}?step=check"]:
        page = full.open(place)
        page.get_by_role("heading").first.wait_for()
        over = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if over > 0:
            wide[place] = over
    assert wide == {}


@pytest.mark.extended
def test_the_modules_have_consistent_types() -> None:
    """TypeScript finds no mistake in them."""
    command = [tool("tsc", TOOLS), "--project", TOOLS]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.stdout == ""
    assert checked.returncode == 0
