"""Runs from a request that the backend understands, a trigger of its own: the method, path and body
are templates in which `{state}` stands for the state that is wanted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conformance.errors import NoAnswer, SetupError
from conformance.http.credential import Credential
from conformance.http.target import Target
from conformance.provision.protocol import DERIVED, Declined, Provided, RealClock
from conformance.vocabulary import State


@dataclass(frozen=True, slots=True)
class Trigger:
    """A request to the backend: `method`, `path` and `body` are templates, `id_at` the dotted way
    to the run's id in the answer, where it makes one."""

    method: str
    path: str
    body: str
    id_at: str


class HttpProvisioner:
    """Sends the trigger with the credential of the tenant whose run is wanted.

    404 and 422 mean that the backend has no such runs; every other answer but the 200 class with
    an id is the set-up's fault.
    """

    name = "http"
    repeatable = True

    def __init__(
        self, target: Target, trigger: Trigger, credential: Credential, other: Credential | None
    ) -> None:
        self._target = target
        self._trigger = trigger
        self._credential = credential
        self._other = other
        self.clock = RealClock()

    def provide(self, state: State) -> Provided | Declined:
        """A run from the trigger; for another tenant's, one that succeeds, with its credential."""
        if state in DERIVED:
            return Declined("the kit brings a run into this state itself")
        if state is State.OTHER_TENANT:
            if self._other is None:
                return Declined("no credential of another tenant is configured")
            return self._send(State.SUCCEEDS, self._other)
        return self._send(state, self._credential)

    def more_credentials(self) -> Sequence[Credential]:
        """None."""
        return ()

    def other_tenant(self) -> Credential | None:
        """The one configured."""
        return self._other

    def _send(self, state: State, owner: Credential) -> Provided | Declined:
        trigger = self._trigger
        body = trigger.body.replace("{state}", state.value)
        headers = owner.headers() | ({"Content-Type": "application/json"} if body else {})
        path = trigger.path.replace("{state}", state.value)
        try:
            answer = self._target.send(
                trigger.method, path, headers=headers, body=body.encode() or None
            )
        except NoAnswer as fault:
            raise SetupError(f"The trigger failed: {fault}") from None
        text = answer.body[:300].decode("utf-8", "replace")
        if answer.status in (404, 422):
            return Declined(f"the trigger knows no such runs: {answer.said}: {text}")
        if not 200 <= answer.status < 300:
            raise SetupError(f"The trigger failed: {answer.said}: {text}")
        found: Any = None
        try:
            found = json.loads(answer.body)
            for key in trigger.id_at.split("."):
                found = found[int(key) if isinstance(found, list) else key]
        except (ValueError, LookupError, TypeError):
            found = None
        if not isinstance(found, str):
            raise SetupError(f"The trigger's answer has no id at {trigger.id_at!r}: {text}")
        return Provided(found, ours=True)
