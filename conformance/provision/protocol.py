"""Define how runs are provided. A provisioner returns a run or declines with a
reason; it raises SetupError when it should have provided and could not, and Inconclusive when it
looked and there was none. It may also bring a clock that it can move, and more credentials."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from conformance.client.credentials import Credential
from conformance.vocabulary import State

# States that the kit reaches by itself from a run in another state.
DERIVED = (State.COMPLETED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class Provided:
    """A run, and whether the kit may change it."""

    run_id: str
    may_change: bool


@dataclass(frozen=True, slots=True)
class Declined:
    """The state is not supported, for this reason."""

    reason: str


class Clock(Protocol):
    """The time of the target."""

    def advance(self, seconds: float) -> float:
        """Let time go by at the target, this much at the most; returns how much it was."""


class RealClock:
    """Time that can only be waited for."""

    def advance(self, seconds: float) -> float:
        """Sleep, a tenth of a second at the most: the caller looks again soon enough."""
        slept = min(seconds, 0.1)
        time.sleep(slept)
        return slept


class Provisioner(Protocol):
    """A way to get runs."""

    @property
    def name(self) -> str:
        """Its name in reports."""

    @property
    def clock(self) -> Clock:
        """The time of the target, as far as it can be moved."""

    @property
    def unlimited(self) -> bool:
        """Whether it can make any number of runs in a state, so that one can be had to look at."""

    @property
    def more_credentials(self) -> Sequence[Credential]:
        """Credentials of the tenant under test that need not be configured."""

    @property
    def other_tenant(self) -> Credential | None:
        """A credential of another tenant, configured or not."""

    def provide(self, state: State) -> Provided | Declined:
        """A run in this state that was not handed out before."""
