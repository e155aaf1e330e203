"""Liars about pages of runs."""

from __future__ import annotations

from mutating_proxy import Ask, Forward, Json, Liars, Reply

lie = Liars()


def integer(text: str | None) -> int | None:
    """The number, if it is one."""
    try:
        return int(text or "")
    except ValueError:
        return None


lie.objects(
    "LIST-01",
    name="total-is-text",
    on="list",
    change=lambda page: page.update(total=str(page["total"])),
)
lie.runs(
    "LIST-02",
    name="version-of-items-is-text",
    on="list",
    change=lambda run: run.update(versionNumber=str(run["versionNumber"])),
)


@lie("LIST-03")
async def all_runs_by_default(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if ask.operation == "list" and ask.parameter("limit") is None:
        ask.set("limit", 1000)
    return await forward(ask)


@lie("LIST-04")
async def one_item_too_many(ask: Ask, forward: Forward, memory: Json) -> Reply:
    limit = integer(ask.parameter("limit"))
    if ask.operation == "list" and limit is not None and 0 < limit < 1000:
        ask.set("limit", limit + 1)
    return await forward(ask)


@lie("LIST-05")
async def largest_limit_refused(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if ask.parameter("limit") == "1000":
        ask.set("limit", 1001)
    return await forward(ask)


@lie("LIST-06")
async def any_limit_accepted(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if (integer(ask.parameter("limit")) or 0) > 1000:
        ask.set("limit", 1000)
    return await forward(ask)


@lie("LIST-07")
async def negative_offset_is_none(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if (integer(ask.parameter("offset")) or 0) < 0:
        ask.set("offset", 0)
    return await forward(ask)


@lie("LIST-08")
async def words_are_no_numbers(ask: Ask, forward: Forward, memory: Json) -> Reply:
    for name in ("limit", "offset"):
        if ask.parameter(name) is not None and integer(ask.parameter(name)) is None:
            ask.set(name, None)
    return await forward(ask)


@lie("LIST-09")
async def nothing_behind_the_end(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "list" and reply.status == 200 and not reply.json()["items"]:
        return reply.put({"items": [], "total": 0})
    return reply


@lie("LIST-10")
async def pages_overlap(ask: Ask, forward: Forward, memory: Json) -> Reply:
    offset = integer(ask.parameter("offset"))
    if ask.operation == "list" and offset:
        ask.set("offset", offset - 1)
    return await forward(ask)


lie.objects(
    "LIST-11",
    name="total-of-the-page",
    on="list",
    change=lambda page: page.update(total=len(page["items"])),
)
lie.asks(
    "LIST-12",
    name="filter-ignored",
    change=lambda ask: ask.set("status", None) if ask.operation == "list" else None,
)


@lie("LIST-13")
async def filtered_totals_off_by_one(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "list" and reply.status == 200 and ask.parameter("status"):
        page = reply.json()
        return reply.put(page | {"total": page["total"] + 1})
    return reply


lie.objects(
    "LIST-14",
    name="neighbours-swapped",
    on="list",
    change=lambda page: page.update(items=page["items"][1:] + page["items"][:1]),
)


@lie("LIST-15")
async def refusal_without_place(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "list" and reply.status == 422:
        detail = [fault | {"loc": ["query"]} for fault in reply.json()["detail"]]
        return reply.put({"detail": detail})
    return reply


lie.runs(
    "LIST-16",
    name="items-of-yesterday",
    on="list",
    change=lambda run: run.update(versionNumber=run["versionNumber"] + 1),
)


@lie("LIST-17")
async def unknown_parameter_breaks_it(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if {name for name, _ in ask.query} - {"status", "limit", "offset"}:
        return Reply(500, {}).put({"detail": "oops"})
    return await forward(ask)


@lie("LIST-18")
async def limit_zero_means_all(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if ask.parameter("limit") == "0":
        ask.set("limit", None)
    return await forward(ask)


@lie("LIST-19")
async def repeated_status_breaks_it(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if len([name for name, _ in ask.query if name == "status"]) > 1:
        return Reply(500, {}).put({"detail": "oops"})
    return await forward(ask)
