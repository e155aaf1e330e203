"""Mutants about credentials and tenants."""

from __future__ import annotations

from mutating_proxy import Forward, Json, Mutants, Request, Response

mutant = Mutants()
CARRIERS = ("authorization", "x-api-key", "cookie")
OTHER = "globex"


def presented(request: Request) -> dict[str, str]:
    """The headers that carry a credential."""
    return {name: value for name, value in request.headers.items() if name in CARRIERS}


def as_other(request: Request) -> Request:
    """The same request from the other tenant."""
    headers = {k: v for k, v in request.headers.items() if k not in CARRIERS}
    return Request(
        request.method, request.path, request.query, headers | {"x-api-key": OTHER}, request.body
    )


def refusing(carrier: str) -> object:
    """Reject a credential in this header."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        if carrier in request.headers:
            return Response(401, {"www-authenticate": "Bearer"}).put(
                {"detail": "Not authenticated"}
            )
        return await forward(request)

    mutate.__name__ = f"no_{carrier.replace('-', '_')}"
    return mutate


@mutant("AUTH-01")
async def open_to_all(request: Request, forward: Forward, memory: Json) -> Response:
    if presented(request):
        memory.update(presented(request))
    else:
        request.headers.update(memory)
    return await forward(request)


mutant("AUTH-02", by="api_key")(refusing("authorization"))
mutant("AUTH-03", by="token")(refusing("x-api-key"))
mutant("AUTH-04", by="token")(refusing("cookie"))


@mutant("AUTH-04", by="token")
async def only_the_first_cookie(request: Request, forward: Forward, memory: Json) -> Response:
    """The header is taken for one cookie, which begins it."""
    if "cookie" in request.headers and not request.headers["cookie"].startswith("vai_token="):
        request.headers.pop("cookie")
    return await forward(request)


@mutant("AUTH-04", by="token")
async def all_that_follows_is_the_cookie(
    request: Request, forward: Forward, memory: Json
) -> Response:
    """The header is taken for one cookie, which ends with it."""
    request.headers["cookie"] = request.headers.get("cookie", "").replace(";", "%3B")
    return await forward(request)


@mutant("AUTH-05")
async def any_credential_will_do(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if reply.status != 401:
        memory.update(presented(request))
    elif presented(request):
        request.headers.update(memory)
        return await forward(request)
    return reply


@mutant("AUTH-06")
async def runs_of_others(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    return await forward(as_other(request)) if reply.status == 404 else reply


@mutant("AUTH-06")
async def streams_of_others_resumed(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    resumed = request.operation == "events" and "last-event-id" in request.headers
    return await forward(as_other(request)) if reply.status == 404 and resumed else reply


@mutant("AUTH-10")
async def lists_of_others(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if request.operation == "list" and reply.status == 200:
        mine, theirs = reply.json(), (await forward(as_other(request))).json()
        return reply.put({k: mine[k] + theirs[k] for k in mine})
    return reply


@mutant("AUTH-07")
async def rejection_without_a_scheme(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    reply.headers.pop("www-authenticate", None)
    return reply


@mutant("AUTH-08")
async def input_before_credentials(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if reply.status == 401:
        checked = await forward(as_other(request))
        return checked if checked.status == 422 else reply
    return reply


@mutant("AUTH-09")
async def credential_repeated(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if reply.status == 401:
        return reply.put({"detail": f"Unknown credential {presented(request)}"})
    return reply
