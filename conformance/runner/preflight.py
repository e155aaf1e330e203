"""Test the connection before any check: is the target reachable, is it the API, does it accept the
credentials? Wait for a target that is starting."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from conformance.client.api import Api
from conformance.client.credentials import Credential
from conformance.client.http2 import speaks_http2
from conformance.client.response import Response
from conformance.errors import (
    ConnectionRefused,
    Inconclusive,
    NoResponse,
    Outcome,
    UnreachableError,
)
from conformance.harness.context import MALFORMED_RUN
from conformance.vocabulary import ROOT, Operation

_PAUSE = 0.25
# Status codes of a gateway whose service is not up.
_STARTING = (502, 503, 504)
_REJECTED = (401, 403)


def await_api(api: Api, seconds: float, on_wait: Callable[[float, str], None]) -> None:
    """Return once the API responds; `on_wait` is called with the seconds so far and why it has not.

    Raises UnreachableError if it does not within `seconds`.
    """
    start = time.monotonic()
    while True:
        why, hint = _not_up(api)
        if not why:
            return
        waited = time.monotonic() - start
        on_wait(waited, why)
        if waited >= seconds:
            raise UnreachableError(
                f"{api.target.base_url} was not available after {seconds:g} s. {why}",
                hint or "Raise --wait-for-api, or find out why the API does not start.",
            )
        time.sleep(min(_PAUSE, seconds - waited))


def try_out(api: Api, credentials: Sequence[Credential]) -> frozenset[Credential]:
    """Send one harmless request with each credential; return those that are rejected.

    Raise UnreachableError with a hint if nothing can be checked, or a credential is rejected: that
    is not a fault of the API. A secret that is accepted in one way and not in another is left to
    the checks.
    """
    first, *others = credentials
    responses = {first: _first_response(api.with_credential(first))}
    for each in others:
        with contextlib.suppress(NoResponse, Inconclusive):
            responses[each] = api.with_credential(each).list_runs(limit=1)
    refused = {
        each: response for each, response in responses.items() if response.status in _REJECTED
    }
    accepted = {each.secret for each, response in responses.items() if response.status == 200}
    rejected = [
        f"{c.where}: the credential is rejected: {a.summary}."
        for c, a in refused.items()
        if c.secret not in accepted
    ]
    if rejected:
        raise UnreachableError(
            "\n".join(rejected),
            "Check the credential and its option: --token is sent as Authorization: Bearer, "
            "--api-key as X-API-Key, --cookie as the cookie vai_token.",
        )
    return frozenset(refused)


def _first_response(api: Api) -> Response:
    """Return the response to a harmless request. Raise UnreachableError if it is not the API's."""
    base = api.target.base_url
    try:
        response = api.list_runs(limit=1)
    except NoResponse as fault:
        if not isinstance(fault, ConnectionRefused) and speaks_http2(base, api.target.connection):
            raise UnreachableError(
                f"{base} speaks HTTP/2 only; the kit speaks HTTP/1.1.",
                "Enable HTTP/1.1 on the server, or put a gateway before it that accepts HTTP/1.1.",
            ) from None
        raise UnreachableError(f"{base} is not reachable. {fault}", fault.hint) from None
    except Inconclusive as fault:
        raise UnreachableError(f"{base} accepts no requests now: {fault}.") from None
    if response.status == 407:
        raise UnreachableError(
            f"The proxy requires authentication: {response.summary}.",
            "Write it into --proxy: http://USER:PASSWORD@HOST:PORT",
        )
    if 300 <= response.status < 400:
        raise UnreachableError(
            f"{response.summary}, a redirect to {response.headers.get('location', 'nowhere')}.",
            "Use that address as --base-url, without the path of the API. Redirects are not "
            "followed, so that credentials are sent to no other host.",
        )
    if response.status in _STARTING:
        raise UnreachableError(
            f"{base} is not available: {response.summary}.",
            "Find out why, or wait for it with --wait-for-api.",
        )
    if _is_not_the_api(response) and _has_no_runs(api):
        raise UnreachableError(
            f"--base-url: expected the Automation runs API, got another: {response.summary}.",
            f"Give what comes before {ROOT}.",
        )
    return response


def _not_up(api: Api) -> tuple[str, str]:
    try:
        response: Response = api.list_runs(limit=1)
    except NoResponse as fault:
        return str(fault), fault.hint
    except Inconclusive as fault:
        return f"{fault}.", ""
    return (f"{response.summary}.", "") if response.status in _STARTING else ("", "")


def _has_no_runs(api: Api) -> bool:
    """A list that is missing is a finding, if only the rest of the API is there."""
    try:
        return _is_not_the_api(api.request(Operation.GET, MALFORMED_RUN))
    except Outcome:
        return True


def _is_not_the_api(response: Response) -> bool:
    return response.status == 404 or response.media_type == "text/html"
