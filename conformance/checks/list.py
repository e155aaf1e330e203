"""LIST: pages of runs, their filter and their order."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest

from conformance.assertions.matchers import (
    is_finished,
    names_parameter,
    no_server_error,
    require,
    status,
    timestamp,
    unchanged,
)
from conformance.checks.support.filtered_pages import (
    Parts,
    compare_parts,
    filtered_pages,
    not_under_status,
    turns_back,
)
from conformance.checks.support.paging import (
    MAX_ITEMS,
    MAX_LIMIT,
    boundary_pages,
    change_one_by_one,
    first_gap,
    totals_of_pages,
    whole_and_paged,
)
from conformance.checks.support.unusual_values import pages_of_unusual_values
from conformance.errors import CheckFailed, Inconclusive
from conformance.harness.context import CheckContext
from conformance.harness.markers import requirement
from conformance.vocabulary import UUID, Level, State, Status

PAGE_SIZE = 7
PAGES: tuple[dict[str, int], ...] = ({}, {"limit": 1}, {"limit": 2, "offset": 1}, {"offset": 2})
_UUID = re.compile(UUID, re.IGNORECASE)
# So many runs do not come into being between two requests.
_FAR = 100_000


@requirement("LIST-01")
def check_a_page_has_items_and_a_total(context: CheckContext) -> None:
    """200, a list and an integer."""
    response = require(context.api.list_runs(), status(200))
    page = response.object()
    if not isinstance(page.get("items"), list) or type(page.get("total")) is not int:
        raise CheckFailed(
            f"{response.summary} without a list `items` and an integer `total`: {list(page)}"
        )


@requirement("LIST-02")
def check_items_have_the_documented_types(context: CheckContext) -> None:
    """Every item is a run, with an id that the other operations accept."""
    context.ensure_runs(1)
    page = require(context.api.list_runs(limit=MAX_ITEMS), status(200))
    for run in context.check_schema(page, "RunPage").get("items") or ():
        if not _UUID.fullmatch(str(run.get("id"))):
            raise CheckFailed(
                f"an item has the id {run.get('id')!r}, and the path parameter of the other "
                f"operations is a UUID",
                level=Level.DERIVED,
                exchange=page.exchange,
            )


@requirement("LIST-03", exclusive=True)
def check_a_page_holds_a_hundred_by_default(context: CheckContext) -> None:
    """More than a hundred runs, none of them beyond the hundredth."""
    context.ensure_runs(101)
    page = context.page()
    if (found := len(page["items"])) != 100:
        raise CheckFailed(f"without `limit` a page of {page['total']} runs holds {found}, not 100")


@requirement("LIST-04")
@pytest.mark.parametrize("limit", [1, 2, PAGE_SIZE])
def check_a_page_holds_no_more_than_its_limit(context: CheckContext, limit: int) -> None:
    """There are more runs than are asked for."""
    context.ensure_runs(limit + 1)
    found = len(context.page(limit=limit)["items"])
    if found > limit:
        raise CheckFailed(f"limit={limit} gives {found} items")
    if found < limit:
        raise CheckFailed(f"limit={limit} gives only {found} items of {context.page()['total']}")


@requirement("LIST-04", shares="boundary pages", since="1.1")
def check_a_page_of_the_maximum_limit_is_full(context: CheckContext) -> None:
    """At the bound, and at the offsets around it if there are so many runs: a page has as many runs
    as its own `total` leaves for it."""
    context.ensure_runs(1)
    for (limit, offset), page in boundary_pages(context).items():
        expected = min(limit, max(0, page["total"] - offset))
        if len(page["items"]) != expected:
            # The page may have been read for another check: read it again, in this one.
            again = context.page(limit=limit, offset=offset)
            found, expected = len(again["items"]), min(limit, max(0, again["total"] - offset))
            if found != expected:
                raise CheckFailed(
                    f"limit={limit}&offset={offset} gives {found} items of {again['total']}, "
                    f"expected {expected}"
                )


@requirement("LIST-05")
def check_maximum_limit_is_accepted(context: CheckContext) -> None:
    """The bound itself is within the range."""
    require(context.api.list_runs(limit=1000), status(200))


@requirement("LIST-06")
def check_limit_above_maximum_is_rejected(context: CheckContext) -> None:
    """One more than was just accepted."""
    require(context.api.list_runs(limit=1000), status(200))
    require(context.api.list_runs(limit=1001), status(422))


@requirement("LIST-07")
def check_a_negative_offset_is_rejected(context: CheckContext) -> None:
    """One less than was just accepted."""
    require(context.api.list_runs(offset=0), status(200))
    require(context.api.list_runs(offset=-1), status(422))


@requirement("LIST-08")
@pytest.mark.parametrize("parameter", ["limit", "offset"])
@pytest.mark.parametrize("value", ["ten", "1.5", "1e1000", "0x10"])
def check_non_integer_is_rejected(context: CheckContext, parameter: str, value: str) -> None:
    """The same request with an integer is accepted."""
    control = context.cache.once(parameter, lambda: context.api.list_runs(**{parameter: 10}))
    require(control, status(200))
    require(context.api.list_runs(**{parameter: value}), status(422))


@requirement("LIST-09", exclusive=True)
def check_offset_beyond_total_gives_no_items(context: CheckContext) -> None:
    """200, no items, and the same total."""
    context.ensure_runs(1)

    def read() -> tuple[int, list[Any], int, int]:
        total = context.page(limit=1)["total"]
        page = context.page(offset=total)
        return total, page["items"], page["total"], context.page(limit=1)["total"]

    total, items, after, last = context.read_stable(
        read,
        lambda a, b: a == b or a[0] != a[3],
        fine=lambda seen: seen == (seen[0], [], seen[0], seen[0]),
    )
    if total != last:
        # Others create or delete runs meanwhile: this is far behind all of them.
        items = context.page(offset=max(total, last) + _FAR)["items"]
    if items:
        raise CheckFailed(f"offset={total} of {total} runs gives {len(items)} items")
    if not min(total, last) <= after <= max(total, last):
        raise CheckFailed(f"behind the last page `total` is {after}, before it is {total}")


@requirement("LIST-10", exclusive=True)
def check_pages_cover_the_list(context: CheckContext) -> None:
    """Pages of several sizes compared with one large page, up to two hundred runs."""
    context.ensure_runs(PAGE_SIZE + 1)

    whole, paged = whole_and_paged(context)
    if duplicates := sorted({run_id for run_id in paged if paged.count(run_id) > 1}):
        raise CheckFailed(f"the run {duplicates[0]} is on more than one page")
    if missing := [run_id for run_id in whole if run_id not in paged]:
        raise CheckFailed(f"the run {missing[0]} is on none of the pages")
    if paged != whole:
        raise CheckFailed("the pages hold the same runs as one large page, in another order")


@requirement("LIST-10", exclusive=True, shares="boundary pages", since="1.1")
def check_pages_join_at_the_maximum_limit(context: CheckContext) -> None:
    """The first page of the maximum size, the two runs around its end, and the page after it."""
    context.ensure_runs(1)
    pages = list(boundary_pages(context).values())
    # The whole list can fit into one page.
    if len(pages) > 1 and (why := first_gap(*pages)) is not None:
        context.page(limit=2, offset=MAX_LIMIT - 1)
        raise CheckFailed(why)


@requirement("LIST-10", exclusive=True, shares="filtered pages", since="1.1")
def check_pages_under_a_filter_cover_it(context: CheckContext) -> None:
    """Limit and offset count the runs that have the status, and no others."""
    compare_parts(context, Parts.gap)


@requirement("LIST-10", wants=[State.PENDING] * 2, since="1.1")
def check_runs_of_one_moment_stay_in_order(context: CheckContext) -> None:
    """Also when one of them changes. Every page of the list is compared with those before it."""
    change_one_by_one(context, [context.runs.fresh(State.PENDING) for _ in range(2)])


@requirement("LIST-11", exclusive=True)
def check_the_total_does_not_depend_on_the_page(context: CheckContext) -> None:
    """Four pages of one list."""
    context.ensure_runs(3)
    totals = totals_of_pages(context, PAGES)
    # Runs that others create or delete meanwhile move the totals one way.
    if totals not in (sorted(totals), sorted(totals, reverse=True)) or (
        totals[0] == totals[-1] and len(set(totals)) > 1
    ):
        raise CheckFailed(f"`total` is {totals} for the pages {[str(query) for query in PAGES]}")


@requirement("LIST-11", exclusive=True, shares="filtered pages", since="1.1")
def check_the_total_under_a_filter_does_not_depend_on_the_page(context: CheckContext) -> None:
    """Nor on the limit: for the statuses that most runs have."""
    compare_parts(context, Parts.unequal_totals)


@requirement("LIST-12", exclusive=True)
def check_filter_returns_only_that_status(context: CheckContext) -> None:
    """For each status, a page as large as may be, whose items and total are of one moment."""
    context.ensure_runs(1)
    seen = 0
    for wanted in Status:
        page = context.page(status=wanted.value, limit=1000)
        statuses, total = [run.get("status") for run in page["items"]], page["total"]
        if others := [s for s in statuses if s != wanted]:
            raise CheckFailed(
                f"status={wanted.value} gives a run that is {others[0]}",
                # Another check is about statuses that the contract does not know.
                caused_by="" if others[0] in set(Status) else "GET-01",
            )
        if total != len(statuses) and total <= 1000:
            raise CheckFailed(
                f"status={wanted.value} gives {len(statuses)} runs, its total is {total}"
            )
        seen += total
    if not seen:
        raise Inconclusive("no run has any of the known statuses")


@requirement("LIST-13", exclusive=True)
def check_the_totals_over_all_statuses_add_up(context: CheckContext) -> None:
    """Every run has exactly one status."""
    context.ensure_runs(1)

    def read() -> tuple[int, dict[str, int], int]:
        before = context.page(limit=1)["total"]
        parts = {s.value: context.page(status=s.value, limit=1)["total"] for s in Status}
        return before, parts, context.page(limit=1)["total"]

    total, parts, after = context.read_stable(
        read,
        lambda a, b: a == b or a[0] != a[2],
        fine=lambda seen: seen[0] == seen[2] == sum(seen[1].values()),
    )
    # Others create runs and change their statuses meanwhile.
    slack = 2 * abs(after - total)
    if not min(total, after) - slack <= sum(parts.values()) <= max(total, after) + slack:
        raise CheckFailed(f"the totals {parts} add up to {sum(parts.values())}, not to {total}")


@requirement("LIST-14")
def check_the_order_is_by_creation(context: CheckContext) -> None:
    """One way or the other (Q11), as far as two hundred runs."""
    context.ensure_runs(3)
    items = context.page(limit=MAX_ITEMS)["items"]
    moments = [timestamp(run, "createdAt") for run in items]
    if len(set(moments)) < 2:
        raise Inconclusive("all runs were created at the same moment")
    rising = moments[0] < moments[-1]
    if (run := turns_back(items, rising=rising)) is not None:
        turn = f"createdAt turns back at {run.get('createdAt')}"
        context.observe("Q11", observed=f"{turn}, among {len(items)} runs")
        raise CheckFailed(turn)
    order = "oldest_first" if rising else "newest_first"
    context.observe("Q11", order, observed=f"by createdAt of {len(items)} runs")


@requirement("LIST-14", shares="filtered pages", since="1.1")
def check_the_order_under_a_filter(context: CheckContext) -> None:
    """The same way as without one."""
    context.ensure_runs(3)
    items = context.page(limit=MAX_ITEMS)["items"]
    moments = [timestamp(run, "createdAt") for run in items]
    rising = moments[0] < moments[-1]
    for each, page in filtered_pages(context).items():
        if (run := turns_back(page["items"], rising=rising)) is not None:
            # The page may have been read for another check: read it again, in this one.
            context.page(status=each.value, limit=1000)
            raise CheckFailed(
                f"status={each.value} is not {'oldest' if rising else 'newest'} first as the whole "
                f"list is: createdAt turns back at {run.get('createdAt')}"
            )


@requirement("LIST-15")
@pytest.mark.parametrize(("parameter", "value"), [("limit", 1001), ("offset", -1)])
def check_validation_error_names_the_parameter(
    context: CheckContext, parameter: str, value: int
) -> None:
    """`loc` in the body of the 422."""
    response = context.api.list_runs(**{parameter: value})
    if response.status != 422:
        raise Inconclusive(f"{response.summary}, expected 422")
    require(response, names_parameter(parameter))


@requirement("LIST-15", since="1.1")
def check_validation_error_names_every_parameter(context: CheckContext) -> None:
    """The body lists all errors: here of two parameters."""
    response = context.api.list_runs(limit=1001, offset=-1)
    if response.status != 422:
        raise Inconclusive(f"{response.summary}, expected 422")
    require(response, names_parameter("limit"), names_parameter("offset"))


@requirement("LIST-16")
def check_an_item_equals_the_run_read_by_id(context: CheckContext) -> None:
    """For finished runs, which do not change between the two readings."""

    def finished() -> list[dict[str, Any]]:
        return [r for r in context.page(limit=MAX_ITEMS)["items"] if not is_finished(r)]

    found = finished()
    if not found:
        # A service that has just begun has none yet.
        context.runs.shared(State.COMPLETED)
        found = finished()
    if not found:
        raise Inconclusive("the list shows no finished run")
    for item in (found[0], found[len(found) // 2], found[-1]):
        run = context.api.run(item["id"])
        if not unchanged(item, run):
            continue
        if (why := context.listed(item["id"], partial(unchanged, run))[1]) is not None:
            raise CheckFailed(f"the run {item['id']} differs from its item in the list: {why}")


@requirement("LIST-17")
def check_unknown_parameters_cause_no_server_error(context: CheckContext) -> None:
    """Ignored or refused (Q07)."""
    response = require(context.api.list_runs(unheardOf="1"), no_server_error)
    context.observe_status("Q07", response, {200: "ignored", 422: "invalid"})


@requirement("LIST-18")
@pytest.mark.parametrize("limit", [0, -1])
def check_limit_below_one(context: CheckContext, limit: int) -> None:
    """No items or refused (Q06); nothing bounds it from below."""
    response = context.api.list_runs(limit=limit)
    items = response.object().get("items") if response.status == 200 else None
    known = {200: "empty", 422: "invalid"} if not items else {}
    context.observe_status("Q06", response, known)
    require(response, no_server_error, status(200, 422))
    if items:
        raise CheckFailed(f"limit={limit} gives {len(items)} items")


@requirement("LIST-19")
@pytest.mark.parametrize("query", ["unheard-of", "", "repeated"])
def check_unusual_filter_values(context: CheckContext, query: str) -> None:
    """Unknown, empty or repeated values: refused or nothing found (Q05), never a fault."""
    values = ["pending", "completed"] if query == "repeated" else [query]
    response = require(context.api.list_runs(status=values), no_server_error)
    if query == "unheard-of":
        items = response.object().get("items") if response.status == 200 else None
        known = {200: "empty", 422: "invalid"} if not items else {}
        context.observe_status("Q05", response, known)
        if items:
            raise CheckFailed("a status that no run has gives items")


@requirement("LIST-19", shares="unusual values", since="1.1")
def check_unusual_characters_in_the_filter(context: CheckContext) -> None:
    """NUL, characters beyond ASCII and very long values are unknown statuses as well."""
    for value, response in pages_of_unusual_values(context, "status").items():
        found = response.object().get("items") if response.status == 200 else None
        if response.status >= 500 or found:
            # It may have been requested for another check: request it again, in this one.
            again = require(context.api.list_runs(status=value), no_server_error)
            if again.status == 200 and again.object().get("items"):
                raise CheckFailed(f"status={value[:20]!r}, which no run has, gives items")


@requirement("LIST-20", shares="filtered pages")
def check_every_run_is_listed_under_its_status(context: CheckContext) -> None:
    """Finished runs, as far as all of their status fit into one page."""
    context.runs.shared(State.COMPLETED)  # Its life limits the wait for the other.
    context.runs.shared(State.CANCELLED)
    pages = filtered_pages(context)
    listed = {run["id"] for page in pages.values() for run in page["items"]}
    for run in context.page(limit=MAX_ITEMS)["items"]:
        # A page that was read for another check may be older than the run.
        if run["id"] not in listed and not_under_status(context, run):
            raise CheckFailed(f"the run {run['id']} is not listed under its status {run['status']}")
