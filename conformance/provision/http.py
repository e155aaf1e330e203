"""Runs from a request that the backend understands, a trigger of its own: the method, path and body
are templates in which `{state}` stands for the state that is wanted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from conformance.errors import NoAnswer, SetupError
from conformance.http.credential import Credential
from conformance.http.target import Target
from conformance.provision.protocol import Declined, Provided
from conformance.vocabulary import State

# The backend has no such runs.
_NONE = (404, 422)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A request to the backend: `method`, `path` and `body` are templates, `id_at` the dotted way
    to the run's id in the answer, where it makes one."""

    method: str
    path: str
    body: str
    id_at: str


@dataclass(frozen=True, slots=True)
class RequestedRuns:
    """Every answer but the 200 class with an id, and those that mean that the backend has no such
    runs, is the set-up's fault."""

    target: Target
    trigger: Trigger

    def make(self, state: State, owner: Credential) -> Provided | Declined:
        """A run from the trigger."""
        trigger = self.trigger
        body = trigger.body.replace("{state}", state.value)
        headers = owner.headers() | ({"Content-Type": "application/json"} if body else {})
        path = trigger.path.replace("{state}", state.value)
        try:
            answer = self.target.send(
                trigger.method, path, headers=headers, body=body.encode() or None
            )
        except NoAnswer as fault:
            raise SetupError(f"The trigger failed: {fault}") from None
        text = answer.body[:300].decode("utf-8", "replace")
        if answer.status in _NONE:
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
