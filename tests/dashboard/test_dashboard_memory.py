"""The memory of an open page: as large after a minute of many changes as before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from dashboard_visit import Visit
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.extended

RUNS = "/api/v1/automation-runs"

CAPTURED = """window.EventSource = class extends EventSource {
  constructor(url) { super(url); window.feed = this; }
}"""

EMITTED = """async ({ events, perFrame }) => {
  for (let sent = 0; sent < events; sent++) {
    for (const topic of ["runs", "requests"])
      window.feed.dispatchEvent(new MessageEvent(topic, { data: '{"items":[]}' }));
    if (sent % perFrame === 0) await new Promise(requestAnimationFrame);
  }
}"""


@dataclass(frozen=True)
class Usage:
    """What a page holds: its heap in bytes, and nodes and listeners, those of removed ones too."""

    heap: float
    nodes: int
    listeners: int


class Gauge:
    """Measures a page after its garbage is collected."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session: Any = page.context.new_cdp_session(page)

    def read(self) -> Usage:
        """Return the usage."""
        self._page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        self._session.send("HeapProfiler.collectGarbage")
        counters = self._session.send("Memory.getDOMCounters")
        heap = self._session.send("Runtime.getHeapUsage")["usedSize"]
        return Usage(heap, counters["nodes"], counters["jsEventListeners"])

    def least(self) -> Usage:
        """Return the least usage of several: what one collection frees may keep the rest."""
        found = [self.read() for _ in range(8)]
        return Usage(
            min(one.heap for one in found),
            min(one.nodes for one in found),
            min(one.listeners for one in found),
        )


def check(visit: Visit, act: Callable[[int], None]) -> None:
    """Let a minute of 50 events a second happen, five times; what the first leaves is not to grow.

    A browser keeps some of what was replaced for a while, so a few renders more are accepted; rows
    that are lost with each event are not.
    """
    page, gauge = visit.page, Gauge(visit.page)
    usages, sizes = [], []
    for turn in range(5):
        act(turn)
        page.evaluate(EMITTED, {"events": 3_000, "perFrame": 100})
        usages.append(gauge.least())
        sizes.append(page.evaluate("document.querySelectorAll('*').length"))
    first, last = usages[0], usages[-1]
    assert max(sizes) < 8_000
    assert last.heap < first.heap + 3_000_000, usages
    assert last.nodes < first.nodes + 4 * max(sizes), usages
    assert last.listeners < first.listeners + 4 * max(sizes), usages


@pytest.fixture
def followed(visit: Visit) -> Visit:
    """A world with more runs than a page shows at a time, whose feed a test can add to."""
    visit.page.add_init_script(CAPTURED)
    visit.world.control("reset", start="demo", scale=0, runs=300)
    return visit


def test_a_list_of_runs_does_not_grow(followed: Visit) -> None:
    """Rows come and go."""
    page = followed.open("runs")

    def act(turn: int) -> None:
        newest = [followed.world.create("diamond") for _ in range(20)][-1]
        followed.world.advance(20)
        expect(page.get_by_role("listitem").first).to_contain_text(newest[:8])

    check(followed, act)


def test_a_run_does_not_grow(followed: Visit) -> None:
    """It is read and drawn again with every change of the world."""
    run_id = followed.world.create("hang")
    followed.world.advance(20)
    page = followed.open(f"runs/{run_id}")
    facts = page.locator(".run-facts")

    def act(turn: int) -> None:
        for _ in range(20):
            followed.world.create("diamond")
        before = facts.inner_text()
        followed.world.advance(60)
        expect(facts).not_to_have_text(before)

    check(followed, act)


def test_a_list_of_requests_does_not_grow(followed: Visit) -> None:
    """Of thousands, the newest three hundred are in the page."""
    page = followed.open("requests")

    def act(turn: int) -> None:
        for _ in range(320):
            last = followed.world.client.get(f"{RUNS}?limit=1")
        expect(page.get_by_role("row").nth(1)).to_contain_text(last.headers["x-mock-request"])
        expect(page.get_by_role("row")).to_have_count(301)

    check(followed, act)
