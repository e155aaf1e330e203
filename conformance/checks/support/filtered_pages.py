"""Read the list once under each status, for the checks of the filter, of the order and of the
totals under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from conformance.assertions.matchers import is_finished, run_versions, timestamp
from conformance.checks.support.paging import MAX_LIMIT, Page
from conformance.errors import CheckFailed
from conformance.harness.context import CheckContext
from conformance.vocabulary import Status

_MAX_PART = 100
_TIMES = 3


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


@dataclass(frozen=True, slots=True)
class Parts:
    """The list under one status as one page, and its beginning in two pages of `limit` runs.

    It was the same `after` these, but for its total.
    """

    status: Status
    limit: int
    whole: Page
    first: Page
    second: Page
    after: Page

    def gap(self) -> str | None:
        """Return how the two pages differ from the whole; None if they do not."""
        parts = [run["id"] for page in (self.first, self.second) for run in page["items"]]
        expected = [run["id"] for run in self.whole["items"][: 2 * self.limit]]
        if parts == expected:
            return None
        two = f"two pages of limit={self.limit} under status={self.status.value}"
        if lost := [run_id for run_id in expected if run_id not in parts]:
            return f"{two} do not hold the run {lost[0]}, which one page holds"
        return f"{two} hold {len(parts)} runs in another order or number than one page"

    def unequal_totals(self) -> str | None:
        """Return how `total` differs between the pages; None if it does not."""
        totals = [page["total"] for page in (self.whole, self.first, self.second)]
        low, high = sorted((self.whole["total"], self.after["total"]))
        if all(low <= total <= high for total in totals):
            return None
        return (
            f"`total` under status={self.status.value} is {totals[0]} for one page, {totals[1]} "
            f"with a lower limit and {totals[2]} with an offset"
        )


def compare_parts(context: CheckContext, judge: Callable[[Parts], str | None]) -> None:
    """Raise CheckFailed for the first fault under the statuses that most runs have."""
    context.ensure_runs(3)
    seen = context.cache.once(
        "parts of filtered pages",
        lambda: [_parts(context, each) for each in most_frequent(filtered_pages(context))],
    )
    for parts in filter(None, seen):
        # They may have been read for another check: read them again, in this one.
        if judge(parts) and (again := _parts(context, parts.status)) and (why := judge(again)):
            raise CheckFailed(why)


def _parts(context: CheckContext, status: Status) -> Parts | None:
    """Return the list in parts; None if others change it each time that it is read."""
    total = filtered_pages(context)[status]["total"]
    limit = min((total + 1) // 2, _MAX_PART)

    def read(limit: int, offset: int = 0) -> Page:
        return context.page(status=status.value, limit=limit, offset=offset)

    for _ in range(_TIMES):
        # A page that is not cut: where the limit counts other runs as well, it would lack as many.
        pages = read(MAX_LIMIT), read(limit), read(limit, limit), read(MAX_LIMIT)
        if run_versions(pages[0]["items"]) == run_versions(pages[-1]["items"]):
            return Parts(status, limit, *pages)
    return None


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
