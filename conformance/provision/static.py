"""Runs named in the configuration, by state. Each is handed out once: naming it permits the kit to
change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conformance.client.credentials import Credential
from conformance.errors import Inconclusive
from conformance.provision.protocol import Declined, Provided, RealClock
from conformance.vocabulary import State


class StaticProvisioner:
    """`runs` has the ids for each state, in the order in which they are used up."""

    name = "static"
    unlimited = False
    more_credentials: Sequence[Credential] = ()

    def __init__(self, runs: Mapping[State, Sequence[str]], other: Credential | None) -> None:
        self.other_tenant = other
        self._left = {state: list(ids) for state, ids in runs.items()}
        self.clock = RealClock()

    def provide(self, state: State) -> Provided | Declined:
        """The next id for this state."""
        if state not in self._left:
            return Declined(f"no run is configured: --state {state.value}=RUN_ID")
        if not self._left[state]:
            raise Inconclusive(
                f"every run configured for {state.value!r} is used up: give more, "
                f"--state {state.value}=RUN_ID"
            )
        return Provided(self._left[state].pop(0), may_change=True)
