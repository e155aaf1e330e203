"""Runs from an executable, in any language. It is told the state that is wanted, as its last
argument and in RUNS_STATE, and prints {"id": "..."} or {"unsupported": "why"}."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conformance.client.credentials import Credential
from conformance.errors import SetupError
from conformance.provision.protocol import Declined, Provided
from conformance.provision.subprocess import Hook
from conformance.vocabulary import State

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Command:
    """The words of a command that makes runs, and how it is called."""

    hook: Hook
    words: Sequence[str]

    def make(self, state: State, owner: Credential) -> Provided | Declined:
        """A run from the command."""
        words = (*self.words, state.value)
        printed, command = self.hook.run(words, owner, {"RUNS_STATE": state.value})
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
