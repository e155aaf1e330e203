"""Make runs when a check needs one, by any method that can make them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from conformance.client.credentials import Credential
from conformance.provision.protocol import DERIVED, Clock, Declined, Provided
from conformance.vocabulary import State

Make = Callable[[State, Credential], Provided | Declined]
"""Makes a run in a state for the tenant with this credential."""


class OnDemandProvisioner:
    """`make` is asked with the credential of the tenant whose run is wanted; for another tenant's
    run it is asked for one that succeeds, with that tenant's."""

    unlimited = True

    def __init__(
        self,
        name: str,
        make: Make,
        credential: Credential,
        other: Credential | None,
        clock: Clock,
        more_credentials: Sequence[Credential] = (),
    ) -> None:
        self.name = name
        self.clock = clock
        self.more_credentials = more_credentials
        self.other_tenant = other
        self._make = make
        self._credential = credential
        # A hook that makes runs need not be able to make several at once.
        self._lock = threading.Lock()

    def provide(self, state: State) -> Provided | Declined:
        """A run that is made now."""
        if state in DERIVED:
            return Declined("the kit brings a run into this state itself")
        if state is not State.OTHER_TENANT:
            with self._lock:
                return self._make(state, self._credential)
        if self.other_tenant is None:
            return Declined("no credential of another tenant is configured")
        with self._lock:
            return self._make(State.SUCCEEDS, self.other_tenant)
