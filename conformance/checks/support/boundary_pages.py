"""Read the list at its largest limit, and at the offsets around it if there are so many runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.harness.context import CheckContext

MAX_LIMIT = 1000
# The limits and offsets of pages that exist only if there are more runs than the largest limit.
_AROUND = ((MAX_LIMIT, 1), (2, MAX_LIMIT - 1), (MAX_LIMIT, MAX_LIMIT))
Boundary = Mapping[tuple[int, int], dict[str, Any]]


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
