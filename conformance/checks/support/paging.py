"""Read the list in pages of several sizes, at its largest limit, at the offsets around it if there
are so many runs, and around changes of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.assertions.matchers import run_versions
from conformance.errors import Inconclusive
from conformance.harness.context import CheckContext

MAX_LIMIT = 1000
MAX_ITEMS = 200
_PAGE_SIZES = (3, 4, 1, 7, 13, 29, 61)
# The limits and offsets of pages that exist only if there are more runs than the largest limit.
_AROUND = ((MAX_LIMIT, 1), (2, MAX_LIMIT - 1), (MAX_LIMIT, MAX_LIMIT))
Page = dict[str, Any]
Boundary = Mapping[tuple[int, int], Page]


def whole_and_paged(context: CheckContext) -> tuple[list[str], list[str]]:
    """Return the ids of `MAX_ITEMS` runs, of one page and of several, read while none changes.
    Raise Inconclusive if the list never rests."""

    def read() -> tuple[list[str], list[str], list[tuple[str, str]]]:
        items = context.page(limit=MAX_ITEMS)["items"]
        paged, offset = list[str](), 0
        for size in (*_PAGE_SIZES, MAX_ITEMS):
            if (limit := min(size, len(items) - offset)) > 0:
                paged += [run["id"] for run in context.page(limit=limit, offset=offset)["items"]]
            offset += size
        return [run["id"] for run in items], paged, run_versions(items)

    # Runs that have not changed and come in another order are the fault, and no change.
    whole, paged, _ = context.read_stable(
        read, lambda a, b: a[:2] == b[:2] or a[2] == b[2], fine=lambda seen: seen[0] == seen[1]
    )
    return whole, paged


def totals_of_pages(context: CheckContext, queries: Sequence[Mapping[str, int]]) -> list[int]:
    """Return `total` of these pages, and of the first once more, read while the list is at rest.
    Raise Inconclusive if it never is."""

    def read() -> list[int]:
        return [context.page(**query)["total"] for query in (*queries, queries[0])]

    return context.read_stable(
        read, lambda a, b: a == b or a[0] != a[-1], fine=lambda seen: len(set(seen)) == 1
    )


def change_one_by_one(context: CheckContext, run_ids: list[str]) -> None:
    """Cancel the runs, the last in the list first, and read the list before and after each."""
    listed = [run["id"] for run in context.page(limit=MAX_ITEMS)["items"]]
    for run_id in sorted(run_ids, key=lambda each: -listed.index(each) if each in listed else 0):
        context.api.cancel(run_id)
        context.page(limit=MAX_ITEMS)


def boundary_pages(context: CheckContext) -> Boundary:
    """Return pages by limit and offset: the first of the largest limit, then those around its end.

    Only the first if it can hold all runs. Several checks look at them.
    """
    return context.cache.once("boundary pages", lambda: _read(context))


def _read(context: CheckContext) -> Boundary:
    pages = {(MAX_LIMIT, 0): context.page(limit=MAX_LIMIT)}
    if pages[MAX_LIMIT, 0]["total"] > MAX_LIMIT:
        for limit, offset in _AROUND:
            pages[limit, offset] = context.page(limit=limit, offset=offset)
    return pages


def first_gap(first: Page, _: Page, around: Page, after: Page) -> str | None:
    """Return which run is not where the page before has it; None if the pages join.

    Raise Inconclusive if a page has fewer runs than its limit.
    """
    if len(first["items"]) < MAX_LIMIT or len(around["items"]) < 2 or not after["items"]:
        raise Inconclusive("a page has fewer runs than its limit", caused_by="LIST-04")
    for before, later, last in ((first, around, MAX_LIMIT - 1), (around, after, 1)):
        # Runs that others create meanwhile come in at one of the ends.
        created = later["total"] - before["total"]
        expected = [before["items"][last - n]["id"] for n in (0, min(max(created, 0), last))]
        if created >= 0 and (found := later["items"][0]["id"]) not in expected:
            return (
                f"the run {expected[0]} is the first of another page, and {found} is in its place"
            )
    return None
