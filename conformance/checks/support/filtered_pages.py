"""Read the list once under each status, for the checks of the filter, of the order and of the
totals under it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from conformance.assertions.matchers import is_finished, timestamp
from conformance.harness.context import CheckContext
from conformance.vocabulary import Status

MAX_LIMIT = 1000
Page = dict[str, Any]


def filtered_pages(context: CheckContext) -> Mapping[Status, Page]:
    """Return the largest page under each status. Several checks look at them."""
    return context.cache.once(
        "filtered pages",
        lambda: {each: context.page(status=each.value, limit=MAX_LIMIT) for each in Status},
    )


def most_frequent(pages: Mapping[Status, Page]) -> list[Status]:
    """Return the two statuses that most runs have, of those that two runs or more have."""
    several = [status for status, page in pages.items() if page["total"] > 1]
    return sorted(several, key=lambda status: -int(pages[status]["total"]))[:2]


def turns_back(items: list[dict[str, Any]], *, rising: bool) -> dict[str, Any] | None:
    """Return the first run that was created before the one in front of it, or after it if the order
    is falling; None if there is none."""
    for before, run in pairwise(items):
        first, then = timestamp(before, "createdAt"), timestamp(run, "createdAt")
        if first != then and (first < then) is not rising:
            return run
    return None


def not_under_status(context: CheckContext, run: dict[str, Any]) -> bool:
    """Whether the finished run is not listed under the status that it is read with, also when the
    list has had time to settle, though all runs of this status fit into one page."""
    run = context.api.run(run["id"])
    if is_finished(run):
        return False

    def judge(page: Page) -> str | None:
        found = any(item["id"] == run["id"] for item in page["items"])
        return None if found or page["total"] > MAX_LIMIT else "it is missing"

    def read() -> Page:
        return context.page(status=run["status"], limit=MAX_LIMIT)

    return context.settling.read("the list lags", read, judge)[1] is not None
