"""Read the same thing several times, also a list that other clients change all the time."""

from __future__ import annotations

from typing import Any

from conformance.assertions.matchers import run_versions
from conformance.errors import CheckFailed, Inconclusive
from conformance.harness.context import CheckContext
from conformance.vocabulary import Operation, Status, Untested

_LIMIT, _TIMES, _ENOUGH = 200, 4, 3
Run = dict[str, Any]
# A status code, a media type and a body.
Reading = tuple[int, str, Any]


def readings(context: CheckContext, operation: Operation, run_id: str, times: int) -> list[Reading]:
    """Return what the same request returns so many times. Of the list, read its completed runs
    while none of them changes. Raise Inconclusive if the list never rests."""
    listed = operation is Operation.LIST

    def read() -> Reading:
        query = {"status": "completed", "limit": 5} if listed else None
        response = context.api.request(operation, run_id, query=query)
        # An error may have an id of its own; a run may not.
        body = response.json() if response.status == 200 else None
        return response.status, response.media_type, body

    def with_list() -> tuple[object, list[Reading]]:
        # The page asked for may show others of them each time: the check looks for that.
        page = context.page(status="completed", limit=1000)
        return (page["total"], run_versions(page["items"])), [read() for _ in range(times)]

    if not listed:
        return [read() for _ in range(times)]
    return context.read_stable(
        with_list,
        lambda before, after: before[0] == after[0] or before[1] == after[1],
        fine=lambda seen: all(again == seen[1][0] for again in seen[1]),
    )[1]


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
