"""Runs from the mock's control API: a scenario for each state, and a clock that can be moved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conformance.client.credentials import Credential
from conformance.client.transport import Target
from conformance.errors import ConfigurationError, NoResponse, SetupError
from conformance.provision.protocol import Provided
from conformance.provision.request import describe
from conformance.vocabulary import State

_FRESH = "test-"
_SCENARIOS = {
    State.SUCCEEDS: "quick-success",
    State.FAILS: "failure-in-the-middle",
    State.FAILS_ONCE: "flaky",
    State.PENDING: "long-queue",
    State.RUNNING_LONG: "hang",
    State.DIAMOND: "diamond",
}


class MockControl:
    """The control API, as the holder of a credential uses it: the world that the credential opens
    is the tenant under test, and its clock is the time of the target. The credential selects the
    world from its header: in a URL it would be in every log."""

    def __init__(self, target: Target, credential: Credential) -> None:
        self._target = target
        self._credential = credential

    def advance(self, seconds: float) -> float:
        """Move the world's time; all due changes are made when this returns."""
        self._post("/_mock/clock/advance", {"seconds": seconds}, self._credential, 200)
        return seconds

    def make(self, state: State, owner: Credential) -> Provided:
        """A run from the state's scenario."""
        run = self._post("/_mock/runs", {"scenario": _SCENARIOS[state]}, owner, 201)
        return Provided(str(run["id"]), may_change=True)

    def _post(
        self, path: str, body: dict[str, Any], owner: Credential, expected: int
    ) -> dict[str, Any]:
        try:
            response = self._target.send(
                "POST",
                path,
                headers=owner.headers() | {"Content-Type": "application/json"},
                body=json.dumps(body).encode(),
            )
        except NoResponse as fault:
            raise SetupError(f"The mock's control API failed: {fault}") from None
        if response.status != expected:
            raise SetupError(f"The mock's control API failed: {describe(response)}")
        return response.object()


def is_mock_health(body: Mapping[str, Any]) -> bool:
    """Return whether the body is the mock's health report: any service may say that it is `ok`."""
    counts = [body.get(name) for name in ("worlds", "streams", "uptimeSeconds")]
    return (
        body.get("status") == "ok"
        and isinstance(body.get("version"), str)
        and all(isinstance(each, int | float) and not isinstance(each, bool) for each in counts)
    )


def other_tenant_of(credential: Credential) -> Credential:
    """Of another tenant, which every mock has."""
    tenant = "acme" if tenant_of(credential) == "globex" else "globex"
    return Credential(credential.scheme, tenant)


def tenant_of(credential: Credential) -> str:
    """Return the tenant that the mock knows the credential by, without the user."""
    return credential.secret.partition(":")[0]


def is_fresh_world(credential: Credential) -> bool:
    """Return whether the mock opens a world of its own for the credential."""
    return tenant_of(credential).startswith(_FRESH)


def worker_credential(credential: Credential, name: str) -> Credential:
    """The credential of a world of its own for this name; a ConfigurationError where the mock would
    open none."""
    tenant, colon, user = credential.secret.partition(":")
    if not tenant.startswith(_FRESH):
        raise ConfigurationError(
            f"--workers: expected a credential that begins with {_FRESH!r}, got another one: each "
            f"worker needs a world of its own.",
            f"Use one such as --token {_FRESH}ci, or leave --workers out.",
        )
    return replace(credential, secret=f"{tenant}-{name or 'lead'}{colon}{user}")
