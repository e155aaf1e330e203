"""Runs that are there already, found by listing: nothing is made and nothing may be changed, so
that a production service can be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conformance.client.api import Api
from conformance.client.credentials import Credential
from conformance.errors import CheckFailed, Inconclusive
from conformance.provision.protocol import Declined, Provided, RealClock
from conformance.vocabulary import State, Status

_PAGE_SIZE = 20
_STATUSES = {
    State.SUCCEEDS: Status.COMPLETED,
    State.FAILS: Status.FAILED,
    State.PENDING: Status.PENDING,
    State.RUNNING_LONG: Status.RUNNING,
    State.DIAMOND: Status.COMPLETED,
    State.COMPLETED: Status.COMPLETED,
    State.CANCELLED: Status.CANCELLED,
}


class DiscoverProvisioner:
    """The runs of the tenant under test, and of another where there is a credential for it."""

    name = "discover"
    unlimited = False
    more_credentials: Sequence[Credential] = ()

    def __init__(self, api: Api, other: Credential | None) -> None:
        self._api = api
        self.other_tenant = other
        self.clock = RealClock()

    def provide(self, state: State) -> Provided | Declined:
        """A listed run with the status that the state stands for."""
        if state is State.FAILS_ONCE:
            return Declined("a listed run does not show whether its retry would succeed")
        if state is State.OTHER_TENANT:
            if self.other_tenant is None:
                return Declined("no credential of another tenant is configured")
            found = next(self._listed(self._api.with_credential(self.other_tenant), None), None)
        elif state is State.DIAMOND:
            found = next(
                (r for r in self._listed(self._api, _STATUSES[state]) if self._has_join(r)), None
            )
        else:
            found = next(self._listed(self._api, _STATUSES[state]), None)
        if found is None:
            raise Inconclusive(f"the list offers no run that could serve as {state.value!r}")
        return Provided(str(found["id"]), may_change=False)

    def _listed(self, api: Api, status: Status | None) -> Iterator[dict[str, Any]]:
        query: dict[str, Any] = {"limit": _PAGE_SIZE}
        if status is not None:
            query["status"] = status.value
        try:
            items = api.page(**query).get("items")
        except CheckFailed as fault:
            raise Inconclusive(f"the list could not be read: {fault}") from None
        for item in items if isinstance(items, list) else ():
            # A service that ignores the filter must not decide which runs are used.
            if isinstance(item, dict) and "id" in item and status in (None, item.get("status")):
                yield item

    def _has_join(self, run: dict[str, Any]) -> bool:
        try:
            steps = self._api.steps(str(run["id"])).get("steps")
        except CheckFailed:
            return False
        return isinstance(steps, list) and any(
            isinstance(s, dict) and isinstance(needs := s.get("dependsOn"), list) and len(needs) > 1
            for s in steps
        )
