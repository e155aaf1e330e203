"""Read the beginning of the list as one large page and as pages of several sizes."""

from __future__ import annotations

from conformance.assertions.matchers import run_versions
from conformance.harness.context import CheckContext

PAGE_SIZES = (3, 4, 1, 7, 13, 29, 61)


def whole_and_paged(context: CheckContext, count: int) -> tuple[list[str], list[str]]:
    """Return the ids of as many runs, of one page and of several, read while none changes. Raise
    Inconclusive if the list never rests."""

    def read() -> tuple[list[str], list[str], list[tuple[str, str]]]:
        items = context.page(limit=count)["items"]
        paged, offset = list[str](), 0
        for size in (*PAGE_SIZES, count):
            if (limit := min(size, len(items) - offset)) > 0:
                paged += [run["id"] for run in context.page(limit=limit, offset=offset)["items"]]
            offset += size
        return [run["id"] for run in items], paged, run_versions(items)

    # Runs that have not changed and come in another order are the fault, and no change.
    whole, paged, _ = context.read_stable(
        read, lambda a, b: a[:2] == b[:2] or a[2] == b[2], fine=lambda seen: seen[0] == seen[1]
    )
    return whole, paged
