"""Runs from a request that the backend understands, a trigger of its own: the method, path and body
are templates in which `{state}` stands for the state that is wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.client.credentials import Credential
from conformance.client.response import Response
from conformance.client.transport import Target
from conformance.errors import NoResponse, SetupError
from conformance.provision.protocol import Declined, Provided
from conformance.vocabulary import State

# The backend has no such runs.
_UNSUPPORTED = (404, 422)
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """A request to the backend, for the `purpose` that messages name: `method`, `path` and `body`
    are templates, `id_path` the dotted path of the run's id in the response."""

    purpose: str
    method: str
    path: str
    body: str
    id_path: str = ""

    def send(self, target: Target, owner: Credential, placeholders: Mapping[str, str]) -> Response:
        """Return the response, with the placeholders replaced. Raise SetupError if there is
        none."""
        path, body = self.path, self.body
        for name, value in placeholders.items():
            path, body = path.replace(name, value), body.replace(name, value)
        headers = owner.headers() | ({"Content-Type": "application/json"} if body else {})
        try:
            return target.send(self.method, path, headers=headers, body=body.encode() or None)
        except NoResponse as fault:
            raise SetupError(f"The {self.purpose} failed: {fault}") from None

    def expect_success(self, response: Response) -> None:
        """Raise SetupError if the response is not of the 200 class."""
        if not 200 <= response.status < 300:
            raise SetupError(f"The {self.purpose} failed: {describe(response)}")


def describe(response: Response) -> str:
    """Describe a response in messages."""
    return f"{response.summary}: {response.body[:_SHOWN].decode('utf-8', 'replace')}"


@dataclass(frozen=True, slots=True)
class RequestRuns:
    """Every response but the 200 class with an id, and those that mean that the backend has no such
    runs, is the set-up's fault."""

    target: Target
    trigger: RequestTemplate

    def make(self, state: State, owner: Credential) -> Provided | Declined:
        """A run from the trigger."""
        trigger = self.trigger
        response = trigger.send(self.target, owner, {"{state}": state.value})
        if response.status in _UNSUPPORTED:
            return Declined(f"the trigger does not support this state: {describe(response)}")
        trigger.expect_success(response)
        found: Any = None
        try:
            found = json.loads(response.body)
            for key in trigger.id_path.split("."):
                found = found[int(key) if isinstance(found, list) else key]
        except (ValueError, LookupError, TypeError):
            found = None
        if not isinstance(found, str):
            raise SetupError(
                f"The trigger's response has no id at {trigger.id_path!r}: {describe(response)}"
            )
        return Provided(found, may_change=True)
