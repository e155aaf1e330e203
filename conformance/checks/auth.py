"""AUTH: authentication and tenant isolation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.assertions.matchers import (
    client_error,
    not_visible,
    rejects_caller,
    require,
    status,
    success,
    unaffected,
)
from conformance.checks.support.altered_credentials import (
    IDENTITY_HEADERS,
    PLACEHOLDERS,
    misplaced,
    near_misses,
    paths,
    spellings,
)
from conformance.checks.support.denials import gives_no_access, reason, shows_no_run
from conformance.checks.support.samples import sample_runs
from conformance.client.api import Api
from conformance.client.credentials import AuthScheme, Credential
from conformance.client.response import Response
from conformance.errors import CheckFailed, Inconclusive, Unsupported
from conformance.harness.context import MALFORMED_RUN, UNKNOWN_RUN, WRONG_SECRET, CheckContext
from conformance.harness.markers import requirement
from conformance.vocabulary import RUN_OPERATIONS, Level, Operation, State, Status

_EACH_SCHEME = (Operation.LIST, Operation.CANCEL)
READS = (Operation.LIST, Operation.GET, Operation.STEPS)
# The fields of a run that say something about it.
_PRIVATE = ("tenantId", "automationId", "automationVersionId", "createdAt", "triggerSourceId")
_UNCHANGED = {"If-None-Match": "*"}
each_operation = pytest.mark.parametrize("operation", list(Operation), ids=lambda o: o.value)
each_run_operation = pytest.mark.parametrize("operation", RUN_OPERATIONS, ids=lambda o: o.value)


@requirement("AUTH-01")
@each_operation
def check_missing_credential_is_rejected(context: CheckContext, operation: Operation) -> None:
    """401 or 403 (Q08), and the run is as it was."""
    _check_rejected(context, context.anonymous, operation)


@requirement("AUTH-01", since="1.1")
@pytest.mark.parametrize("operation", READS, ids=lambda o: o.value)
def check_head_needs_a_credential(context: CheckContext, operation: Operation) -> None:
    """HEAD is rejected as GET is, or not supported."""
    path = operation.path(context.runs.shared(State.PENDING))
    require(context.anonymous.target.send("HEAD", path), client_error)


@requirement("AUTH-01", since="1.1")
def check_other_spellings_of_a_path_need_a_credential(context: CheckContext) -> None:
    """A path that is spelled otherwise is redirected, unknown or protected."""
    for path in paths(context.runs.shared(State.PENDING)):
        require(context.anonymous.target.send("GET", path), shows_no_run)


@requirement("AUTH-02")
def check_bearer_token_is_accepted(context: CheckContext) -> None:
    """`Authorization` alone."""
    require(context.with_scheme(AuthScheme.TOKEN).list_runs(limit=1), status(200))


@requirement("AUTH-03")
def check_api_key_is_accepted(context: CheckContext) -> None:
    """`X-API-Key` alone."""
    require(context.with_scheme(AuthScheme.API_KEY).list_runs(limit=1), status(200))


@requirement("AUTH-04")
def check_cookie_is_accepted(context: CheckContext) -> None:
    """`vai_token` alone."""
    require(context.with_scheme(AuthScheme.COOKIE).list_runs(limit=1), status(200))


@requirement("AUTH-04")
@pytest.mark.parametrize("cookies", ["theme=dark; {}", "{}; theme=dark"], ids=["last", "first"])
def check_cookie_is_found_among_others(context: CheckContext, cookies: str) -> None:
    """A browser sends all that it has for the host in one header."""
    api = context.with_scheme(AuthScheme.COOKIE)
    require(api.list_runs(limit=1), status(200))
    own_run = api.credential.headers()["Cookie"] if api.credential else ""
    response = api.request(
        Operation.LIST, query={"limit": 1}, headers={"Cookie": cookies.format(own_run)}
    )
    require(response, status(200), level=Level.DERIVED)


@requirement("AUTH-05")
@each_operation
def check_wrong_credential_is_rejected(context: CheckContext, operation: Operation) -> None:
    """401 or 403, and the run is as it was."""
    _check_rejected(context, context.wrong_credential(), operation)


@requirement("AUTH-05", since="1.1")
@pytest.mark.parametrize("secret", PLACEHOLDERS, ids=lambda s: s or "empty")
def check_placeholder_is_rejected(context: CheckContext, secret: str) -> None:
    """What a client sends that has none: it stands for no tenant."""
    # The client cannot send `Bearer` without a token.
    scheme = context.credentials[0].scheme if secret else AuthScheme.API_KEY
    placeholder = Credential(scheme, secret)
    require(context.api.with_credential(placeholder).list_runs(limit=1), rejects_caller)


@requirement("AUTH-06")
@each_run_operation
def check_run_of_another_tenant_is_not_accessible(
    context: CheckContext, operation: Operation
) -> None:
    """404 or 403 (Q09), and to its owner it is as it was, as far as it does not go on by itself."""
    foreign_run = _run_of_other_tenant(context)
    before = context.other.run(foreign_run) if operation.method != "GET" else None
    for response in _all_responses(context.api, operation, foreign_run):
        context.observe_status("Q09", response, {404: "not_found", 403: "forbidden"})
        require(response, not_visible)
        if before is not None:
            _check_unaffected(response, before, context.other.run(foreign_run))


@requirement("AUTH-06")
@each_run_operation
def check_own_run_is_not_accessible_to_another_tenant(
    context: CheckContext, operation: Operation
) -> None:
    """Nor the other way round, with a run that could be cancelled, or retried."""
    _run_of_other_tenant(context)
    retry = operation is Operation.RETRY
    own_run = context.runs.shared(
        *((State.FAILS, Status.FAILED) if retry else (State.PENDING, None))
    )
    before = context.api.run(own_run) if operation.method != "GET" else None
    for response in _all_responses(context.other, operation, own_run):
        require(response, not_visible)
        if before is not None:
            _check_unaffected(response, before, context.api.run(own_run))


@requirement("AUTH-06", since="1.1")
def check_other_spellings_of_an_id(context: CheckContext) -> None:
    """An id in another spelling, or another method, opens no run of another tenant. What it does
    for a run of one's own is open."""
    foreign_run = _run_of_other_tenant(context)
    before = context.other.run(foreign_run)
    credential = context.credentials[0].headers()
    send = context.api.target.send
    responses = [
        send("GET", Operation.GET.path(spelling), headers=credential)
        for spelling in spellings(foreign_run).values()
    ]
    responses.append(send("HEAD", Operation.GET.path(foreign_run), headers=credential))
    responses += [
        _call(context.api, operation, foreign_run.upper())
        for operation in RUN_OPERATIONS
        if operation.method == "GET" or not context.read_only
    ]
    for response in responses:
        require(response, gives_no_access)
    # What has not changed is not there for others either.
    require(context.api.request(Operation.GET, foreign_run, headers=_UNCHANGED), not_visible)
    _check_unaffected(responses[-1], before, context.other.run(foreign_run))


@requirement("AUTH-07")
def check_401_has_www_authenticate(context: CheckContext) -> None:
    """401 carries `WWW-Authenticate`."""
    response = context.anonymous.list_runs()
    if response.status == 403:
        raise Unsupported(
            "the API returns 403 without a credential (Q08), and only 401 has WWW-Authenticate"
        )
    if response.status != 401:
        raise Inconclusive(f"{response.summary}, not 401", caused_by="AUTH-01")
    if not response.headers.get("www-authenticate", "").strip():
        raise CheckFailed(f"{response.summary} without WWW-Authenticate")


@requirement("AUTH-08")
@pytest.mark.parametrize("case", ["malformed id", "limit", "unknown run", "body"])
def check_authentication_comes_before_validation(context: CheckContext, case: str) -> None:
    """Check that the response to a wrong credential does not depend on other faults."""
    caller = context.wrong_credential()
    match case:
        case "malformed id":
            response = caller.get_run(MALFORMED_RUN)
        case "limit":
            response = caller.list_runs(limit=1001)
        case "unknown run":
            response = caller.get_run(UNKNOWN_RUN)
        case _:
            response = caller.request(Operation.RETRY, UNKNOWN_RUN, raw=b"{")
    require(response, rejects_caller)


@requirement("AUTH-09")
@each_operation
def check_no_credential_is_echoed(context: CheckContext, operation: Operation) -> None:
    """Neither a wrong one nor, if it is long enough to be recognised, the right one."""
    schemes = AuthScheme if operation in _EACH_SCHEME else [context.credentials[0].scheme]
    responses = [
        _call(context.wrong_credential(scheme), operation, UNKNOWN_RUN) for scheme in schemes
    ]
    responses.append(_call(context.api, operation, UNKNOWN_RUN))
    secrets = [WRONG_SECRET, *(c.secret for c in context.credentials if len(c.secret) >= 16)]
    for response in responses:
        text = response.body.decode("utf-8", "replace") + str(dict(response.headers))
        if any(secret in text for secret in secrets):
            raise CheckFailed(
                f"{response.summary} and repeats the credential", exchange=response.exchange
            )


@requirement("AUTH-10")
def check_another_tenants_run_is_not_listed(context: CheckContext) -> None:
    """Its owner finds it in the list, the tenant under test does not; nor the other way round."""
    foreign_run = _run_of_other_tenant(context)
    if context.find_in_list(foreign_run) is not None:
        raise CheckFailed(f"the list shows the run {foreign_run} of another tenant")
    own_run = sample_runs(context)[0]
    items = replace(context, api=context.other).page(limit=1000)["items"]
    if any(run["id"] == own_run for run in items):
        raise CheckFailed(f"the list of another tenant shows our run {own_run}")


@requirement("AUTH-11")
def check_near_miss_gives_no_access(context: CheckContext) -> None:
    """A credential that begins as a valid one does, or ends otherwise. It may be valid for another
    tenant, but not for this one."""
    run_id = context.runs.shared(State.PENDING)
    context.api.run(run_id)
    for number, credential in enumerate(context.credentials):
        # What compares secrets is likely the same for all schemes, up to how they are read.
        near = list(near_misses(credential.secret).items())[: None if number == 0 else 2]
        for how, secret in near:
            caller = context.api.with_credential(Credential(credential.scheme, secret))
            response = caller.get_run(run_id)
            if client_error(response):
                raise CheckFailed(
                    f"{response.summary} to the {credential.scheme.value} {how}",
                    exchange=response.exchange,
                )


@requirement("AUTH-12")
def check_misplaced_credential_is_rejected(context: CheckContext) -> None:
    """The contract names one scheme, one header and one cookie."""
    known = {credential.scheme: credential for credential in context.credentials}
    require(context.api.list_runs(limit=1), status(200))
    for what, headers in misplaced(known, context.credentials[0]).items():
        response = context.anonymous.request(Operation.LIST, query={"limit": 1}, headers=headers)
        if client_error(response):
            raise CheckFailed(f"{response.summary} to {what}", exchange=response.exchange)


@requirement("AUTH-13")
def check_two_tenants_in_one_request(context: CheckContext) -> None:
    """Either credential may count, or none, but not both."""
    foreign_run, own_run = _run_of_other_tenant(context), context.runs.shared(State.PENDING)
    other = context.other_credential
    for own in context.credentials:
        if other is None or own.scheme is other.scheme:
            continue
        headers = own.headers() | other.headers()
        responses = [
            context.anonymous.request(Operation.GET, run_id, headers=headers)
            for run_id in (own_run, foreign_run)
        ]
        if not any(map(success, responses)):
            raise CheckFailed(
                f"{responses[0].summary}, and so did a run of another tenant, to a request with "
                f"the credentials of both",
                exchange=responses[1].exchange,
            )


@requirement("AUTH-14")
def check_headers_name_no_tenant(context: CheckContext) -> None:
    """Whom a gateway names in a header, a client cannot: with a credential of its own, or with
    none."""
    foreign_run, own_run = _run_of_other_tenant(context), context.runs.shared(State.PENDING)
    for api, owner, run_id in (
        (context.api, context.other, foreign_run),
        (context.anonymous, context.api, own_run),
    ):
        tenant = str(owner.run(run_id).get("tenantId"))
        response = api.request(
            Operation.GET, run_id, headers=dict.fromkeys(IDENTITY_HEADERS, tenant)
        )
        if not client_error(response):
            continue
        if client_error(api.request(Operation.GET, run_id)):
            raise Inconclusive("the run is readable without such a header", caused_by="AUTH-06")
        named = (
            name
            for name in IDENTITY_HEADERS
            if client_error(api.request(Operation.GET, run_id, headers={name: tenant}))
        )
        raise CheckFailed(
            f"{response.summary} with the header {next(named, 'that several together are')}, "
            f"which names the tenant {tenant}",
            exchange=response.exchange,
        )


@requirement("AUTH-15")
def check_rejection_contains_no_data(context: CheckContext) -> None:
    """Of the run of another tenant; and a 404 reads as for a run that does not exist."""
    foreign_run = _run_of_other_tenant(context)
    run = context.other.run(foreign_run)
    data = {str(run[name]) for name in _PRIVATE if len(str(run.get(name))) >= 8 and run.get(name)}
    denied = context.api.get_run(foreign_run)
    for response in (denied, context.wrong_credential().get_run(foreign_run)):
        require(response, client_error)
        text = response.body.decode("utf-8", "replace") + str(dict(response.headers))
        if shown := sorted(value for value in data if value in text):
            raise CheckFailed(
                f"{response.summary} and shows {shown[0]!r} of the run",
                exchange=response.exchange,
            )
    unknown = context.api.get_run(UNKNOWN_RUN)
    if denied.status == unknown.status == 404 and reason(denied) != reason(unknown):
        raise CheckFailed(
            f"{denied.summary}, and its reason is another than for a run that does not exist: "
            f"{reason(denied)}, not {reason(unknown)}",
            exchange=denied.exchange,
        )


@requirement("AUTH-16")
@pytest.mark.parametrize("operation", [Operation.LIST, Operation.STEPS], ids=lambda o: o.value)
def check_response_is_returned_to_no_other_client(
    context: CheckContext, operation: Operation
) -> None:
    """The very same URL, requested with a valid credential just before, and the other way round."""
    run_id = context.runs.shared(State.PENDING)
    own = (context.api, status(200))
    others = ((context.anonymous, rejects_caller), (context.wrong_credential(), rejects_caller))
    for number, callers in enumerate(((own, *others), (others[0], own))):
        query = {"limit": 3, "offset": number} if operation is Operation.LIST else None
        for caller, matcher in callers:
            require(caller.request(operation, run_id, query=query), matcher)


def _run_of_other_tenant(context: CheckContext) -> str:
    """A run of the other tenant; Inconclusive if that is the tenant under test after all."""
    return context.cache.once("other tenant", lambda: _find_run_of_other_tenant(context))


def _find_run_of_other_tenant(context: CheckContext) -> str:
    run_id = context.runs.shared(State.OTHER_TENANT)
    owner = context.other.run(run_id).get("tenantId")
    own = context.api.run(sample_runs(context)[0]).get("tenantId")
    if owner is not None and owner == own:
        raise Inconclusive("both credentials belong to one tenant")
    return run_id


def _check_unaffected(response: Response, before: dict[str, Any], after: dict[str, Any]) -> None:
    """The request must not have ended or restarted the run."""
    if why := unaffected(before, after):
        raise CheckFailed(f"{response.summary} and the run of another tenant changed: {why}")


def _check_rejected(context: CheckContext, api: Api, operation: Operation) -> None:
    run_id = context.runs.shared(State.PENDING)
    before = context.api.run(run_id) if operation.method != "GET" else None
    response = _call(api, operation, run_id)
    context.observe_status("Q08", response, {401: "unauthorized", 403: "forbidden"})
    require(response, rejects_caller)
    if before is not None and (why := unaffected(before, context.api.run(run_id))):
        raise CheckFailed(f"{response.summary} and the run changed: {why}")


def _all_responses(api: Api, operation: Operation, run_id: str) -> list[Response]:
    """Return the operation's responses; for a stream also that to a resuming subscriber."""
    responses = [_call(api, operation, run_id)]
    if operation is Operation.EVENTS:
        responses.append(api.request(operation, run_id, headers={"Last-Event-ID": "1"}))
    return responses


def _call(api: Api, operation: Operation, run_id: str) -> Response:
    if operation is Operation.RETRY:
        return api.retry(run_id, {})
    return api.request(operation, run_id)
