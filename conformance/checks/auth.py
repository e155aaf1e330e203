"""AUTH: authentication and tenant isolation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.assertions.matchers import not_visible, rejects_caller, require, status, unaffected
from conformance.client.api import Api
from conformance.client.credentials import AuthScheme
from conformance.client.response import Response
from conformance.errors import CheckFailed, Inconclusive, Unsupported
from conformance.harness.context import MALFORMED_RUN, UNKNOWN_RUN, WRONG_SECRET, CheckContext
from conformance.harness.markers import requirement
from conformance.vocabulary import RUN_OPERATIONS, Level, Operation, State, Status

each_operation = pytest.mark.parametrize("operation", list(Operation), ids=lambda o: o.value)
each_run_operation = pytest.mark.parametrize("operation", RUN_OPERATIONS, ids=lambda o: o.value)


@requirement("AUTH-01")
@each_operation
def check_missing_credential_is_rejected(context: CheckContext, operation: Operation) -> None:
    """401 or 403 (Q08), and the run is as it was."""
    _check_rejected(context, context.anonymous, operation)


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


@requirement("AUTH-06")
@each_run_operation
def check_run_of_another_tenant_is_not_accessible(
    context: CheckContext, operation: Operation
) -> None:
    """404 or 403 (Q09), and to its owner it is as it was, as far as it does not go on by itself."""
    foreign_run = _run_of_other_tenant(context)
    before = context.other.run(foreign_run)
    for response in _all_responses(context.api, operation, foreign_run):
        context.observe_status("Q09", response, {404: "not_found", 403: "forbidden"})
        require(response, not_visible)
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
    before = context.api.run(own_run)
    for response in _all_responses(context.other, operation, own_run):
        require(response, not_visible)
        _check_unaffected(response, before, context.api.run(own_run))


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
    responses = [
        _call(context.wrong_credential(scheme), operation, UNKNOWN_RUN) for scheme in AuthScheme
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
    own_run = context.sample_runs()[0]
    if any(
        run["id"] == own_run
        for run in replace(context, api=context.other).page(limit=1000)["items"]
    ):
        raise CheckFailed(f"the list of another tenant shows our run {own_run}")


def _run_of_other_tenant(context: CheckContext) -> str:
    """A run of the other tenant; Inconclusive if that is the tenant under test after all."""
    run_id = context.runs.shared(State.OTHER_TENANT)
    owner = context.other.run(run_id).get("tenantId")
    if owner is not None and owner == context.api.run(context.sample_runs()[0]).get("tenantId"):
        raise Inconclusive("both credentials belong to one tenant")
    return run_id


def _check_unaffected(response: Response, before: dict[str, Any], after: dict[str, Any]) -> None:
    """The request must not have ended or restarted the run."""
    if why := unaffected(before, after):
        raise CheckFailed(f"{response.summary} and the run of another tenant changed: {why}")


def _check_rejected(context: CheckContext, api: Api, operation: Operation) -> None:
    run_id = context.runs.shared(State.PENDING)
    before = context.api.run(run_id)
    response = _call(api, operation, run_id)
    context.observe_status("Q08", response, {401: "unauthorized", 403: "forbidden"})
    require(response, rejects_caller)
    if why := unaffected(before, context.api.run(run_id)):
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
