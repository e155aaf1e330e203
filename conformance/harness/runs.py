"""The runs that checks work with. A check that changes a run gets a fresh one for itself; those
that only read share one per state. States that the provisioner has no run for are brought about
from others by the operations of the contract."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from conformance.assertions.matchers import is_finished, success
from conformance.client.api import Api
from conformance.client.response import Response
from conformance.errors import (
    CheckFailed,
    Inconclusive,
    NoResponse,
    Outcome,
    SetupError,
    Unsupported,
)
from conformance.harness.polling import Poller, StatusPassed
from conformance.provision.protocol import Declined, Provided, Provisioner
from conformance.vocabulary import FINISHED, State, Status

# The status in which a run of this state is handed to a check, where that matters.
_READY = {
    State.PENDING: Status.PENDING,
    State.RUNNING_LONG: Status.RUNNING,
    State.COMPLETED: Status.COMPLETED,
    State.CANCELLED: Status.CANCELLED,
}


# The states of runs that go on by themselves from where they are provided.
_MOVING = (State.SUCCEEDS, State.FAILS, State.FAILS_ONCE, State.DIAMOND)
# How often a run is made anew that was past the status it is wanted in when it was looked at.
_TRIES = 4
# How many of the runs that are made ahead may be at work at a time.
_AT_WORK = 8
# What may stand in a path as it is.
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class RetriedRuns:
    """The runs that retries have made, where they make others (Q01), from the answers that name
    them."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def look(self, response: Response) -> None:
        """Take note of an answer, if it is to a retry."""
        path = urlsplit(response.url).path
        if response.method != "POST" or not path.endswith("/retry") or success(response):
            return
        with contextlib.suppress(Outcome):
            made = response.object().get("id")
            if isinstance(made, str) and _ID.fullmatch(made) and made not in path:
                self.ids.append(made)


class Runs:
    """Hands out runs, and at the end cancels those that the kit made and left unfinished."""

    def __init__(
        self, provisioner: Provisioner, api: Api, poller: Poller, offspring: RetriedRuns
    ) -> None:
        self._offspring = offspring
        self._provisioner = provisioner
        self._api = api
        self._poller = poller
        self._shared: dict[tuple[State, Status | None], Provided] = {}
        self._spare: dict[State, Provided] = {}
        self._made: list[str] = []
        self._wanted: list[State] = []
        self._ahead: dict[State, list[Provided]] = {}
        self._unfinished: list[str] = []

    @property
    def repeatable(self) -> bool:
        """Whether any number of runs can be had."""
        return self._provisioner.repeatable

    def shared(self, state: State, at: Status | None = None) -> str:
        """A run to look at only, in the status `at` (by default the state's own)."""
        at = at or _READY.get(state)
        if (state, at) not in self._shared:
            self._shared[state, at] = self._provide(state, at, to_change=False)
        return self._shared[state, at].run_id

    def fresh(self, state: State, at: Status | None = None) -> str:
        """A run for one check alone, which may change it, in the status `at`.

        Raises Unsupported where the kit has no run that it may change, Inconclusive where none is
        there or it does not get into the status, SetupError where providing one fails.
        """
        at = at or _READY.get(state)
        try:
            provided = self._in_time(state, at)
        except Inconclusive:
            # The last one may have been set aside to be looked at: changing it is a better use.
            if (spare := self._shared.pop((state, at), None)) is None:
                raise
            provided = spare
        return provided.run_id

    def made(self, run_id: str) -> bool:
        """Whether the kit had this run made, and so knows what became of it since."""
        return run_id in self._made

    def fresh_many(self, state: State, at: Status | None, count: int) -> list[str]:
        """As many fresh runs, or fewer where fewer can be had, but one; brought about together."""
        at = at or _READY.get(state)
        made = [self._ask(state) for _ in range(count)] if self.repeatable else []
        found = [each.run_id for each in made if isinstance(each, Provided)]
        if at is not None:
            for run_id in found:
                self.wait_for_status(run_id, at)
        return found or [self.fresh(state, at)]

    def wait_for_status(self, run_id: str, at: Status) -> None:
        """Wait until a run has this status; Inconclusive if it does not get there."""
        try:
            self._poller.wait_for_status(self._api, run_id, at)
        except CheckFailed as fault:
            raise SetupError(
                f"The run {run_id} that was provided cannot be read: {fault}"
            ) from None

    def try_provide(self, state: State) -> str:
        """Ask the provisioner alone, ahead of all checks: "" if it provides, or why it does not.

        Raises SetupError. A run that is got is kept for the first check that wants one.
        """
        try:
            provided = self._ask(state)
        except Inconclusive as none:
            return str(none)
        if isinstance(provided, Declined):
            return provided.reason
        self._spare[state] = provided
        return ""

    def plan(self, states: Sequence[State]) -> None:
        """Say which runs will be asked for once they have finished, in this order."""
        if self.repeatable and self._poller.real_time:
            self._wanted = list(states)

    def create_ahead(self) -> None:
        """Make some of them; not all at once, since a service may have few hands."""
        try:
            while self._unfinished and not is_finished(self._api.run(self._unfinished[0])):
                self._unfinished.pop(0)
            while self._wanted and len(self._unfinished) < _AT_WORK:
                state = self._wanted.pop(0)
                asked = self._provisioned(state)
                if isinstance(asked, Declined) and state is State.COMPLETED:
                    asked = self._provisioned(State.SUCCEEDS)
                if isinstance(asked, Provided):
                    self._ahead.setdefault(state, []).append(asked)
                    self._unfinished.append(asked.run_id)
        except (Outcome, SetupError):
            # Whoever needs such a run will meet the fault, and say so.
            self._wanted, self._unfinished = [], []

    def clean_up(self) -> None:
        """Cancel what the kit made, itself or by a retry; what has finished by then refuses, which
        is as well."""
        for run_id in (*self._made, *self._offspring.ids):
            try:
                self._api.cancel(run_id)
            except NoResponse:
                return
            except Outcome:
                continue

    def _ask(self, state: State, at: Status | None = None) -> Provided | Declined:
        # Only who wants it finished is served by one that was made ahead.
        if at in FINISHED and (ahead := self._ahead.get(state)):
            return ahead.pop(0)
        # What goes on by itself has done so since it was set aside, unless there is no other.
        early = state in _MOVING and at not in FINISHED and self.repeatable
        if not early and (spare := self._spare.pop(state, None)) is not None:
            return spare
        return self._provisioned(state)

    def _provisioned(self, state: State) -> Provided | Declined:
        provided = self._provisioner.provide(state)
        if isinstance(provided, Provided) and provided.ours and self._provisioner.repeatable:
            self._made += [] if state is State.OTHER_TENANT else [provided.run_id]
        return provided

    def _in_time(self, state: State, at: Status | None) -> Provided:
        """One to change; another, if it has gone past the status before it was looked at."""
        for _ in range(_TRIES - 1 if self.repeatable and at not in FINISHED else 0):
            with contextlib.suppress(StatusPassed):
                return self._provide(state, at, to_change=True)
        return self._provide(state, at, to_change=True)

    def _provide(self, state: State, at: Status | None, *, to_change: bool) -> Provided:
        asked = self._ask(state, at)
        provided = self._bring_about(state, asked) if isinstance(asked, Declined) else asked
        if to_change and not provided.ours:
            raise Unsupported(
                f"it needs a run that may be changed, and {self._provisioner.name!r} finds only "
                f"those of others"
            )
        if at is not None:
            self.wait_for_status(provided.run_id, at)
        if state is State.RUNNING_LONG and at is Status.RUNNING:
            # It may have short steps before the long one that keeps it running.
            self._poller.wait_until_stable(partial(self._statuses, provided.run_id))
        return provided

    def _statuses(self, run_id: str) -> list[object]:
        """Of its steps; none where they cannot be read, which is the matter of others."""
        with contextlib.suppress(Outcome):
            steps = self._api.steps(run_id).get("steps")
            if isinstance(steps, list):
                return [step.get("status") for step in steps if isinstance(step, dict)]
        return []

    def _bring_about(self, state: State, declined: Declined) -> Provided:
        if state is State.COMPLETED:
            return Provided(self.fresh(State.SUCCEEDS, Status.COMPLETED), ours=True)
        if state is State.CANCELLED:
            run_id = self.fresh(State.PENDING)
            if why := success(self._api.cancel(run_id)):
                raise Inconclusive(f"a pending run could not be cancelled: {why}")
            return Provided(run_id, ours=True)
        raise Unsupported(f"no run that is {state.value!r}: {declined.reason}")
