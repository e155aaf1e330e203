"""Mutants about pages of runs."""

from __future__ import annotations

from mutating_proxy import Forward, Json, Mutants, Request, Response

mutant = Mutants()


def integer(text: str | None) -> int | None:
    """The number, if it is one."""
    try:
        return int(text or "")
    except ValueError:
        return None


mutant.objects(
    "LIST-01",
    name="total-is-text",
    on="list",
    change=lambda page: page.update(total=str(page["total"])),
)
mutant.runs(
    "LIST-02",
    name="version-of-items-is-text",
    on="list",
    change=lambda run: run.update(versionNumber=str(run["versionNumber"])),
)


@mutant("LIST-03")
async def all_runs_by_default(request: Request, forward: Forward, memory: Json) -> Response:
    if request.operation == "list" and request.parameter("limit") is None:
        request.set("limit", 1000)
    return await forward(request)


@mutant("LIST-04")
async def one_item_too_many(request: Request, forward: Forward, memory: Json) -> Response:
    limit = integer(request.parameter("limit"))
    if request.operation == "list" and limit is not None and 0 < limit < 1000:
        request.set("limit", limit + 1)
    return await forward(request)


@mutant("LIST-05")
async def largest_limit_refused(request: Request, forward: Forward, memory: Json) -> Response:
    if request.parameter("limit") == "1000":
        request.set("limit", 1001)
    return await forward(request)


@mutant("LIST-06")
async def any_limit_accepted(request: Request, forward: Forward, memory: Json) -> Response:
    if (integer(request.parameter("limit")) or 0) > 1000:
        request.set("limit", 1000)
    return await forward(request)


@mutant("LIST-07")
async def negative_offset_is_none(request: Request, forward: Forward, memory: Json) -> Response:
    if (integer(request.parameter("offset")) or 0) < 0:
        request.set("offset", 0)
    return await forward(request)


@mutant("LIST-08")
async def words_are_not_numbers(request: Request, forward: Forward, memory: Json) -> Response:
    for name in ("limit", "offset"):
        if request.parameter(name) is not None and integer(request.parameter(name)) is None:
            request.set(name, None)
    return await forward(request)


@mutant("LIST-09")
async def nothing_behind_the_end(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "list" and reply.status == 200 and not reply.json()["items"]:
        return reply.put({"items": [], "total": 0})
    return reply


@mutant("LIST-10")
async def pages_overlap(request: Request, forward: Forward, memory: Json) -> Response:
    offset = integer(request.parameter("offset"))
    if request.operation == "list" and offset:
        request.set("offset", offset - 1)
    return await forward(request)


mutant.objects(
    "LIST-11",
    name="total-of-the-page",
    on="list",
    change=lambda page: page.update(total=len(page["items"])),
)
mutant.asks(
    "LIST-12",
    name="filter-ignored",
    change=lambda request: request.set("status", None) if request.operation == "list" else None,
)


@mutant("LIST-13")
async def filtered_totals_off_by_one(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "list" and reply.status == 200 and request.parameter("status"):
        page = reply.json()
        return reply.put(page | {"total": page["total"] + 1})
    return reply


mutant.objects(
    "LIST-14",
    name="neighbours-swapped",
    on="list",
    change=lambda page: page.update(items=page["items"][1:] + page["items"][:1]),
)


@mutant("LIST-15")
async def first_error_only(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "list" and reply.status == 422:
        return reply.put({"detail": reply.json()["detail"][:1]})
    return reply


@mutant("LIST-15")
async def rejection_without_place(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "list" and reply.status == 422:
        detail = [fault | {"loc": ["query"]} for fault in reply.json()["detail"]]
        return reply.put({"detail": detail})
    return reply


mutant.runs(
    "LIST-16",
    name="items-of-yesterday",
    on="list",
    change=lambda run: run.update(versionNumber=run["versionNumber"] + 1),
)


@mutant("LIST-17")
async def unknown_parameter_breaks_it(request: Request, forward: Forward, memory: Json) -> Response:
    if {name for name, _ in request.query} - {"status", "limit", "offset"}:
        return Response(500, {}).put({"detail": "oops"})
    return await forward(request)


@mutant("LIST-18")
async def limit_zero_means_all(request: Request, forward: Forward, memory: Json) -> Response:
    if request.parameter("limit") == "0":
        request.set("limit", None)
    return await forward(request)


@mutant("LIST-19")
async def repeated_status_breaks_it(request: Request, forward: Forward, memory: Json) -> Response:
    if len([name for name, _ in request.query if name == "status"]) > 1:
        return Response(500, {}).put({"detail": "oops"})
    return await forward(request)


async def long_list(request: Request, forward: Forward) -> Response:
    """A page of a list of 1500 runs, made of those that there are."""
    own = request.to("list")
    own.query = [("limit", "1000")]
    reply = await forward(own)
    runs, limit, offset = (
        reply.json()["items"],
        integer(request.parameter("limit") or "100"),
        integer(request.parameter("offset") or "0"),
    )
    if limit is None or offset is None or not 0 < limit <= 1000 or offset < 0:
        return await forward(request)
    turns = range(offset, min(1500, offset + limit))
    items = [runs[n % len(runs)] | {"id": f"00000000-0000-4000-8000-{n:012x}"} for n in turns]
    return reply.put({"items": items, "total": 1500})


@mutant("LIST-04")
async def largest_page_lacks_one(request: Request, forward: Forward, memory: Json) -> Response:
    """One run is read more than is returned, to see whether there are more, within the bound."""
    if request.operation != "list":
        return await forward(request)
    reply = await long_list(request, forward)
    if request.parameter("limit") == "1000" and reply.status == 200:
        page = reply.json()
        return reply.put(page | {"items": page["items"][:999]})
    return reply


@mutant("LIST-10")
async def second_thousand_begins_late(request: Request, forward: Forward, memory: Json) -> Response:
    if request.operation != "list":
        return await forward(request)
    if (integer(request.parameter("offset")) or 0) >= 1000:
        request.set("offset", int(request.parameter("offset") or 0) + 1)
    return await long_list(request, forward)


@mutant("LIST-19", "HTTP-04")
async def nul_in_the_filter_breaks_it(request: Request, forward: Forward, memory: Json) -> Response:
    if "\0" in (request.parameter("status") or ""):
        return Response(500, {}).put({"detail": "Internal Server Error"})
    return await forward(request)


@mutant("LIST-19")
async def long_values_filter_nothing(request: Request, forward: Forward, memory: Json) -> Response:
    if len(request.parameter("status") or "") > 255:
        request.set("status", None)
    return await forward(request)


@mutant("LIST-11")
async def filtered_total_is_what_is_left(
    request: Request, forward: Forward, memory: Json
) -> Response:
    reply = await forward(request)
    offset = integer(request.parameter("offset")) or 0
    if request.operation == "list" and reply.status == 200 and request.parameter("status"):
        page = reply.json()
        return reply.put(page | {"total": page["total"] - offset})
    return reply


@mutant("LIST-10")
async def page_is_cut_before_it_is_filtered(
    request: Request, forward: Forward, memory: Json
) -> Response:
    """Only where the page has an offset."""
    status = request.parameter("status")
    if request.operation == "list" and status and request.parameter("offset") not in (None, "0"):
        request.set("status", None)
        reply = await forward(request)
        if reply.status == 200:
            page = reply.json()
            items = [run for run in page["items"] if run["status"] == status]
            request.set("status", status)
            total = (await forward(request)).json()["total"]
            return reply.put({"items": items, "total": total})
        return reply
    return await forward(request)


@mutant("LIST-10")
async def changed_runs_move_up_among_equals(
    request: Request, forward: Forward, memory: Json
) -> Response:
    """Runs of the same moment, here of a day, are in the order in which a table keeps them."""
    reply = await forward(request)
    if request.operation == "list" and reply.status == 200:
        page = reply.json()
        items = sorted(page["items"], key=lambda run: run["updatedAt"], reverse=True)
        items.sort(key=lambda run: run["createdAt"][:10], reverse=True)
        items = [run | {"createdAt": f"{run['createdAt'][:10]}T00:00:00.000Z"} for run in items]
        return reply.put(page | {"items": items})
    return reply


@mutant("LIST-14")
async def filter_has_an_order_of_its_own(
    request: Request, forward: Forward, memory: Json
) -> Response:
    reply = await forward(request)
    if request.operation == "list" and reply.status == 200 and request.parameter("status"):
        page = reply.json()
        return reply.put(page | {"items": page["items"][::-1]})
    return reply


@mutant("LIST-20", settle="100ms")
async def index_of_the_filter_lags(request: Request, forward: Forward, memory: Json) -> Response:
    """One run that completed is listed under the status that it had."""
    reply = await forward(request)
    if request.operation == "list" and reply.status == 200:
        page, wanted = reply.json(), request.parameter("status")
        done = [run["id"] for run in page["items"] if run["status"] == "completed"]
        memory.update({"hidden": done[0]} if done and not memory else {})
        if wanted == "completed" and memory:
            items = [run for run in page["items"] if run["id"] != memory["hidden"]]
            return reply.put({"items": items, "total": page["total"] - 1})
    return reply
