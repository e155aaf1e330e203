"""Runs from an executable, in any language. It is told the state that is wanted, as its last
argument and in RUNS_STATE, and prints {"id": "..."} or {"unsupported": "why"}."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from conformance.errors import SetupError
from conformance.http.credential import Credential
from conformance.provision.hook import Hook
from conformance.provision.protocol import DERIVED, Declined, Provided, RealClock
from conformance.vocabulary import State

_SHOWN = 200


class CommandProvisioner:
    """Calls the command with the credential of the tenant whose run is wanted; for another tenant's
    run it is asked for one that succeeds, with that tenant's."""

    name = "command"
    repeatable = True

    def __init__(
        self, hook: Hook, words: Sequence[str], credential: Credential, other: Credential | None
    ) -> None:
        self._hook = hook
        self._words = tuple(words)
        self._credential = credential
        self._other = other
        self.clock = RealClock()

    def provide(self, state: State) -> Provided | Declined:
        """A run from the command."""
        if state in DERIVED:
            return Declined("the kit brings a run into this state itself")
        if state is State.OTHER_TENANT:
            if self._other is None:
                return Declined("no credential of another tenant is configured")
            return self._call(State.SUCCEEDS, self._other)
        return self._call(state, self._credential)

    def more_credentials(self) -> Sequence[Credential]:
        """None."""
        return ()

    def other_tenant(self) -> Credential | None:
        """The one configured."""
        return self._other

    def _call(self, state: State, owner: Credential) -> Provided | Declined:
        words = (*self._words, state.value)
        printed, command = self._hook.run(words, owner, {"RUNS_STATE": state.value})
        try:
            told: Any = json.loads(printed)
        except (ValueError, RecursionError):
            told = None
        if isinstance(told, dict) and isinstance(told.get("id"), str) and told["id"]:
            return Provided(told["id"], ours=True)
        if isinstance(told, dict) and isinstance(told.get("unsupported"), str):
            return Declined(f"the command makes no such runs: {told['unsupported'][:_SHOWN]}")
        raise SetupError(
            f'{command} printed neither {{"id": "..."}} nor {{"unsupported": "why"}}: '
            f"{printed.strip()[:_SHOWN] or 'nothing'}"
        )
