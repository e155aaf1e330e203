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
