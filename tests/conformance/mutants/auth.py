"""Liars about credentials and tenants."""

from __future__ import annotations

from mutating_proxy import Ask, Forward, Json, Liars, Reply

lie = Liars()
CARRIERS = ("authorization", "x-api-key", "cookie")
OTHER = "globex"


def presented(ask: Ask) -> dict[str, str]:
    """The headers that carry a credential."""
    return {name: value for name, value in ask.headers.items() if name in CARRIERS}


def as_other(ask: Ask) -> Ask:
    """The same request from the other tenant."""
    headers = {k: v for k, v in ask.headers.items() if k not in CARRIERS}
    return Ask(ask.method, ask.path, ask.query, headers | {"x-api-key": OTHER}, ask.body)


def refusing(carrier: str) -> object:
    """Refuse whoever presents a credential in this header."""

    async def spoil(ask: Ask, forward: Forward, memory: Json) -> Reply:
        if carrier in ask.headers:
            return Reply(401, {"www-authenticate": "Bearer"}).put({"detail": "Not authenticated"})
        return await forward(ask)

    spoil.__name__ = f"no_{carrier.replace('-', '_')}"
    return spoil


@lie("AUTH-01")
async def open_to_all(ask: Ask, forward: Forward, memory: Json) -> Reply:
    if presented(ask):
        memory.update(presented(ask))
    else:
        ask.headers.update(memory)
    return await forward(ask)


lie("AUTH-02", by="api_key")(refusing("authorization"))
lie("AUTH-03", by="token")(refusing("x-api-key"))
lie("AUTH-04", by="token")(refusing("cookie"))


@lie("AUTH-04", by="token")
async def only_the_first_cookie(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """The header is taken for one cookie, which begins it."""
    if "cookie" in ask.headers and not ask.headers["cookie"].startswith("vai_token="):
        ask.headers.pop("cookie")
    return await forward(ask)


@lie("AUTH-04", by="token")
async def all_that_follows_is_the_cookie(ask: Ask, forward: Forward, memory: Json) -> Reply:
    """The header is taken for one cookie, which ends with it."""
    ask.headers["cookie"] = ask.headers.get("cookie", "").replace(";", "%3B")
    return await forward(ask)


@lie("AUTH-05")
async def any_credential_will_do(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if reply.status != 401:
        memory.update(presented(ask))
    elif presented(ask):
        ask.headers.update(memory)
        return await forward(ask)
    return reply


@lie("AUTH-06")
async def runs_of_others(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    return await forward(as_other(ask)) if reply.status == 404 else reply


@lie("AUTH-06")
async def streams_of_others_resumed(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    resumed = ask.operation == "events" and "last-event-id" in ask.headers
    return await forward(as_other(ask)) if reply.status == 404 and resumed else reply


@lie("AUTH-10")
async def lists_of_others(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if ask.operation == "list" and reply.status == 200:
        mine, theirs = reply.json(), (await forward(as_other(ask))).json()
        return reply.put({k: mine[k] + theirs[k] for k in mine})
    return reply


@lie("AUTH-07")
async def refusal_without_a_way(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    reply.headers.pop("www-authenticate", None)
    return reply


@lie("AUTH-08")
async def input_before_credentials(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if reply.status == 401:
        checked = await forward(as_other(ask))
        return checked if checked.status == 422 else reply
    return reply


@lie("AUTH-09")
async def credential_repeated(ask: Ask, forward: Forward, memory: Json) -> Reply:
    reply = await forward(ask)
    if reply.status == 401:
        return reply.put({"detail": f"Unknown credential {presented(ask)}"})
    return reply
