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


@mutant("AUTH-01")
async def a_slash_leads_past_the_credential(
    request: Request, forward: Forward, memory: Json
) -> Response:
    if presented(request):
        memory.update(presented(request))
    elif request.path.endswith("/"):
        request.path = request.path.rstrip("/")
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
async def unchanged_comes_before_the_tenant(
    request: Request, forward: Forward, memory: Json
) -> Response:
    if request.operation == "get" and request.headers.get("if-none-match") == "*":
        return Response(304, {})
    return await forward(request)


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


@mutant("AUTH-01")
async def head_needs_no_credential(request: Request, forward: Forward, memory: Json) -> Response:
    """Authentication is bound to the methods of the contract."""
    if request.method == "HEAD" and not presented(request):
        request.headers.update(memory)
    memory.update(presented(request))
    return await forward(request)


@mutant("AUTH-05")
async def null_is_the_default_tenant(request: Request, forward: Forward, memory: Json) -> Response:
    if any("null" in value for value in presented(request).values()):
        return await forward(as_other(request))
    return await forward(request)


@mutant("AUTH-06")
async def upper_case_skips_the_tenant(request: Request, forward: Forward, memory: Json) -> Response:
    """The check compares texts, and the database ids."""
    run_id = request.run_id
    if run_id != run_id.lower():
        request.path = request.path.replace(run_id, run_id.lower())
        return await forward(as_other(request))
    return await forward(request)


@mutant("AUTH-06")
async def head_skips_the_tenant(request: Request, forward: Forward, memory: Json) -> Response:
    return await forward(as_other(request) if request.method == "HEAD" else request)


def compared(name: str, key: object) -> None:
    """Add a mutant to which credentials are the same if their keys are."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        for carrier, value in presented(request).items():
            scheme, space, secret = value.rpartition("=" if carrier == "cookie" else " ")
            known = memory.setdefault(f"{carrier} {key(secret)}", secret)  # type: ignore[operator]
            request.headers[carrier] = scheme + space + known
        return await forward(request)

    mutate.__name__ = name
    mutant("AUTH-11")(mutate)


compared("eight_characters_are_enough", lambda secret: secret[:8])
compared("last_character_is_not_compared", lambda secret: secret[:-1])


@mutant("AUTH-12", by="token")
async def any_scheme_is_bearer(request: Request, forward: Forward, memory: Json) -> Response:
    """What comes after the first space is the token."""
    if "authorization" in request.headers:
        request.headers["authorization"] = (
            f"Bearer {request.headers['authorization'].partition(' ')[2]}"
        )
    return await forward(request)


@mutant("AUTH-12", by="cookie")
async def cookie_is_searched_for(request: Request, forward: Forward, memory: Json) -> Response:
    """The name is looked for in the text of the header."""
    _, found, secret = request.headers.get("cookie", "").partition("vai_token=")
    if found:
        request.headers["cookie"] = f"vai_token={secret}"
    return await forward(request)


@mutant("AUTH-13", by="api_key")
async def credentials_add_up(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    carriers = presented(request)
    if reply.status == 404 and len(carriers) > 1:
        request.headers.pop(next(iter(carriers)))
        reply = await forward(request)
        if reply.status == 404:
            request.headers = request.headers | carriers
            request.headers.pop(list(carriers)[-1])
            return await forward(request)
    return reply


@mutant("AUTH-14")
async def header_names_the_tenant(request: Request, forward: Forward, memory: Json) -> Response:
    return await forward(as_other(request) if "x-tenant-id" in request.headers else request)


@mutant("AUTH-14")
async def gateway_is_believed(request: Request, forward: Forward, memory: Json) -> Response:
    """A user in a header was authenticated by a gateway, which nothing is in front of."""
    if presented(request):
        memory.update(presented(request))
    elif "x-forwarded-user" in request.headers:
        request.headers.update(memory)
    return await forward(request)


@mutant("AUTH-15")
async def owner_is_named(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if reply.status == 404 and request.operation == "get":
        run = await forward(as_other(request))
        if run.status == 200:
            return reply.put({"detail": f"Not found in tenant {run.json()['tenantId']}"}, 404)
    return reply


@mutant("AUTH-15")
async def existence_is_given_away(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if reply.status == 404 and request.operation == "get":
        run = await forward(as_other(request))
        return reply.put({"detail": "Not yours" if run.status == 200 else "Not found"}, 404)
    return reply


def cached(operation: str) -> None:
    """Add a mutant with a cache that does not distinguish clients."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        url = f"{request.path}?{request.query}"
        if request.operation != operation or request.method != "GET":
            return await forward(request)
        if url not in memory:
            reply = await forward(request)
            memory[url] = (reply.status, dict(reply.headers), reply.body)
        status, headers, body = memory[url]
        return Response(status, dict(headers), body)

    mutate.__name__ = f"{operation}_cached_by_url"
    mutant("AUTH-16")(mutate)


cached("list")
cached("steps")
