"""Compare readings of a list that other clients change all the time, by the runs in both."""

from __future__ import annotations

from typing import Any

from conformance.errors import CheckFailed, Inconclusive
from conformance.harness.context import CheckContext
from conformance.vocabulary import Status, Untested

_LIMIT, _TIMES, _ENOUGH = 200, 4, 3
Run = dict[str, Any]


def check_unchanged_runs_read_the_same(context: CheckContext) -> None:
    """Raise CheckFailed if two readings of a page show the same version of a run differently, or
    such runs in another order. Raise Inconclusive if they share hardly any."""
    pages = [_versions(context) for _ in range(_TIMES)]
    for number, page in enumerate(pages[1:], 2):
        shared = [version for version in pages[0] if version in page]
        if len(shared) < min(_ENOUGH, len(pages[0])):
            raise Inconclusive(
                "the list changes too quickly to compare readings of it", reason=Untested.UNSTABLE
            )
        for version in shared:
            if page[version] != pages[0][version]:
                raise CheckFailed(
                    f"reading {number} of the list shows the run {version[0]} in another way than "
                    f"the first, and it has not changed"
                )
        if [version for version in page if version in pages[0]] != shared:
            raise CheckFailed(
                f"reading {number} of the list shows runs in another order than the first, and "
                f"they have not changed"
            )


def _versions(context: CheckContext) -> dict[tuple[str, str], Run]:
    """Return the finished runs of a page by their version, in the order of the page."""
    items = context.page(status=Status.COMPLETED.value, limit=_LIMIT)["items"]
    return {(run["id"], str(run.get("updatedAt"))): run for run in items}
