"""Runs from the mock's control API: a scenario for each state, and a clock that can be moved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from conformance.errors import ConfigurationError, NoAnswer, SetupError
from conformance.http.credential import Credential, Way
from conformance.http.target import Target
from conformance.provision.protocol import Declined, Provided
from conformance.vocabulary import State

_FRESH = "test-"
SCENARIOS = {
    State.SUCCEEDS: "quick-success",
    State.FAILS: "failure-in-the-middle",
    State.FAILS_ONCE: "flaky",
    State.PENDING: "long-queue",
    State.RUNNING_LONG: "hang",
    State.DIAMOND: "diamond",
    State.OTHER_TENANT: "quick-success",
}


class MockProvisioner:
    """The world that the credential opens is the tenant under test."""

    name = "mock"
    repeatable = True

    def __init__(self, target: Target, credential: Credential, other: Credential | None) -> None:
        self._target = target
        self._credential = credential
        self._other = other or _neighbour(credential)

    @property
    def clock(self) -> MockProvisioner:
        """The world's clock."""
        return self

    def advance(self, seconds: float) -> float:
        """Move the world's time; what was due has happened when this returns."""
        self._post("/_mock/clock/advance", {"seconds": seconds}, self._credential, 200)
        return seconds

    def provide(self, state: State) -> Provided | Declined:
        """A run from the state's scenario."""
        if state not in SCENARIOS:
            return Declined("the kit brings a run into this state itself")
        owner = self._other if state is State.OTHER_TENANT else self._credential
        run = self._post("/_mock/runs", {"scenario": SCENARIOS[state]}, owner, 201)
        return Provided(str(run["id"]), ours=True)

    def more_credentials(self) -> Sequence[Credential]:
        """The mock takes a tenant's name in each of the three ways."""
        return [self._credential.via(way) for way in Way]

    def other_tenant(self) -> Credential | None:
        """A neighbouring world."""
        return self._other

    def _post(
        self, path: str, body: dict[str, Any], owner: Credential, expected: int
    ) -> dict[str, Any]:
        try:
            answer = self._target.send(
                "POST",
                path,
                params={"world": owner.secret.partition(":")[0]},
                headers=owner.headers() | {"Content-Type": "application/json"},
                body=json.dumps(body).encode(),
            )
        except NoAnswer as fault:
            raise SetupError(f"The mock's control API failed: {fault}") from None
        if answer.status != expected:
            text = answer.body[:300].decode("utf-8", "replace")
            raise SetupError(f"The mock's control API failed: {answer.said}: {text}")
        return answer.object()


def _neighbour(credential: Credential) -> Credential:
    tenant = credential.secret.partition(":")[0]
    return Credential(credential.way, "acme" if tenant == "globex" else "globex")


def beside(credential: Credential, name: str) -> Credential:
    """The credential of a world of its own for this name; a ConfigurationError where the mock would
    open none."""
    tenant, colon, user = credential.secret.partition(":")
    if not tenant.startswith(_FRESH):
        raise ConfigurationError(
            f"--workers needs a world for each worker, and the mock opens worlds only for "
            f"credentials that begin with {_FRESH!r}.",
            f"Give one such as --token {_FRESH}ci, or leave --workers out.",
        )
    return replace(credential, secret=f"{tenant}-{name or 'lead'}{colon}{user}")
