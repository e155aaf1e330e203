"""The runs that checks work with. A check that changes a run gets a fresh one for itself; those
that only read share one per state. States that the provisioner has no run for are brought about
from others by the operations of the contract."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Collection, Iterable, Sequence
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
from conformance.harness.polling import NotReached, Poller, StatusPassed
from conformance.harness.settling import Settling
from conformance.provision.protocol import Declined, Provided, Provisioner
from conformance.vocabulary import FINISHED, State, Status

# The status in which a run of this state is handed to a check, where that matters.
_INITIAL_STATUS = {
    State.PENDING: Status.PENDING,
    State.RUNNING_LONG: Status.RUNNING,
    State.COMPLETED: Status.COMPLETED,
    State.CANCELLED: Status.CANCELLED,
}


# The states of runs that go on by themselves from where they are provided.
_SELF_ADVANCING = (State.SUCCEEDS, State.FAILS, State.FAILS_ONCE, State.DIAMOND)
# How often another run is created because one had left the wanted status when it was read.
_MAX_TRIES = 4
# How many of the runs that are made ahead may be at work at a time.
_MAX_UNFINISHED = 8
# How many runs are tried whether they can be read as soon as they are created.
_READ_AT_ONCE = 5
# Seconds after which runs that are made ahead are looked at again.
_LOOK_AGAIN = 0.25
# So many runs are cancelled without a look at the list, which has a page of so many.
_FEW, _PAGE = 5, 1000
# An id that needs no escaping in a path.
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class RetriedRuns:
    """The runs that retries have created, where they do (Q01), those that were `retried`, and those
    that have `ended`, by the last response about each."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.retried: set[str] = set()
        self.ended: set[str] = set()

    def observe(self, response: Response) -> None:
        """Note the run in a response, if that is to a retry or shows its status."""
        path = urlsplit(response.url).path
        retry = response.method == "POST" and path.endswith("/retry")
        if retry:
            # It may run again, whatever the response says.
            again = path.split("/")[-2]
            self.retried.add(again)
            self.ended.discard(again)
        if success(response) or response.media_type != "application/json":
            return
        with contextlib.suppress(Outcome):
            run = response.object()
            run_id = run.get("id")
            if not isinstance(run_id, str) or not _ID.fullmatch(run_id):
                return
            if retry and run_id not in path:
                self.ids.append(run_id)
            if not retry and run_id in path and is_finished(run) is None:
                self.ended.add(run_id)
            else:
                self.ended.discard(run_id)


class Runs:
    """Hands out runs, and at the end cancels those that the kit made and left unfinished. `states`
    has the state that each run was provided in, `listed` is how many the list was seen to hold."""

    def __init__(
        self,
        provisioner: Provisioner,
        api: Api,
        poller: Poller,
        retried_runs: RetriedRuns,
        settling: Settling,
    ) -> None:
        self._settling = settling
        self.max_unfinished = _MAX_UNFINISHED
        self._readable_at_once = 0
        self._retried_runs = retried_runs
        self._provisioner = provisioner
        self._api = api
        self._poller = poller
        self._shared: dict[tuple[State, Status | None], Provided] = {}
        self._spare: dict[State, Provided] = {}
        self._created: list[str] = []
        self.states: dict[str, State] = {}
        self._wanted: list[State] = []
        self._created_ahead: dict[State, list[Provided]] = {}
        self._unfinished: list[str] = []
        self._looked_at = 0.0
        self.listed = 0
        self._not_reached: dict[tuple[State, Status | None], NotReached] = {}

    @property
    def unlimited(self) -> bool:
        """Whether any number of runs can be had."""
        return self._provisioner.unlimited

    def shared(self, state: State, at: Status | None = None) -> str:
        """A run to look at only, in the status `at` (by default the state's own)."""
        at = at or _INITIAL_STATUS.get(state)
        if (state, at) not in self._shared:
            self._shared[state, at] = self._once(state, at, to_change=False)
        return self._shared[state, at].run_id

    def fresh(self, state: State, at: Status | None = None) -> str:
        """A run for one check alone, which may change it, in the status `at`.

        Raises Unsupported where the kit has no run that it may change, Inconclusive where none is
        there or it does not get into the status, SetupError where providing one fails.
        """
        at = at or _INITIAL_STATUS.get(state)
        try:
            provided = self._provide_before_it_passes(state, at)
        except Inconclusive:
            # The last one may have been set aside to be looked at: changing it is a better use.
            if (spare := self._shared.pop((state, at), None)) is None:
                raise
            provided = spare
        return provided.run_id

    def created(self, run_id: str) -> bool:
        """Return whether the kit created this run, and so knows its history."""
        return run_id in self._created

    def caused(self, run_id: str) -> bool:
        """Return whether the kit created this run, or the response to one of its retries named it;
        the list may show it later."""
        return run_id in self._created or run_id in self._retried_runs.ids

    def may_have_changed(self, run_ids: Iterable[str]) -> None:
        """Note that requests other than the kit's own may have changed these runs."""
        self._retried_runs.ended.difference_update(run_ids)

    def newest(self, count: int) -> list[str]:
        """As many runs as that, or fewer, that the kit had made last."""
        return self._created[-count:]

    def fresh_many(self, state: State, at: Status | None, count: int) -> list[str]:
        """As many fresh runs, or fewer where fewer can be had, but one; brought about together."""
        at = at or _INITIAL_STATUS.get(state)
        created = [self._created_now(state) for _ in range(count)] if self.unlimited else []
        found = [each.run_id for each in created if isinstance(each, Provided)]
        if found:
            self.wait_until_readable(found[-1])
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
            provided = self._request(state)
        except Inconclusive as none:
            return str(none)
        if isinstance(provided, Declined):
            return provided.reason
        self._spare[state] = provided
        return ""

    def plan(self, states: Sequence[State]) -> None:
        """Say which runs will be asked for once they have finished, in this order."""
        if self.unlimited and self._poller.real_time:
            self._wanted = list(states)

    def create_ahead(self) -> None:
        """Make some of them; not all at once, since a service may have few hands."""
        if self._unfinished and (
            time.monotonic() < self._looked_at + _LOOK_AGAIN
            or self._poller.waits.due(self._unfinished[0])
        ):
            return
        self._looked_at = time.monotonic()
        try:
            while self._unfinished:
                run = self._api.run(self._unfinished[0])
                if is_finished(run):
                    break
                self._poller.waits.came(run, 0.0)
                self._unfinished.pop(0)
            while self._wanted and len(self._unfinished) < self.max_unfinished:
                state = self._wanted.pop(0)
                provided_run = self._provisioned(state)
                if isinstance(provided_run, Declined) and state is State.COMPLETED:
                    provided_run = self._provisioned(State.SUCCEEDS)
                if isinstance(provided_run, Provided):
                    self._created_ahead.setdefault(state, []).append(provided_run)
                    self._unfinished.append(provided_run.run_id)
        except (Outcome, SetupError):
            # The check that needs such a run will report the fault.
            self._wanted, self._unfinished = [], []

    def clean_up(self) -> None:
        """Cancel the runs that the kit created, itself or by a retry, and that have not ended.

        A finished run may reject that, which is ignored.
        """
        unfinished = dict.fromkeys((*self._created, *self._retried_runs.ids))
        for run_id in self._retried_runs.ended:
            unfinished.pop(run_id, None)
        ended = self._listed_as_ended() if len(unfinished) > _FEW else frozenset()
        for run_id in unfinished:
            if run_id in ended and run_id not in self._retried_runs.retried:
                continue
            try:
                self._api.cancel(run_id)
            except NoResponse:
                return
            except Outcome:
                continue

    def _listed_as_ended(self) -> Collection[str]:
        """Return the runs that the newest page of the list shows as finished."""
        with contextlib.suppress(Outcome, LookupError, TypeError):
            items = self._api.page(limit=_PAGE)["items"]
            return {run["id"] for run in items if is_finished(run) is None}
        return ()

    def _request(self, state: State, at: Status | None = None) -> Provided | Declined:
        # A run that was created ahead serves only a check that wants it finished.
        if at in FINISHED and (ahead := self._created_ahead.get(state)):
            return ahead.pop(0)
        # A run that advances by itself has done so since it was set aside.
        too_old = state in _SELF_ADVANCING and at not in FINISHED and self.unlimited
        if not too_old and (spare := self._spare.pop(state, None)) is not None:
            return spare
        return self._provisioned(state)

    def _provisioned(self, state: State) -> Provided | Declined:
        provided = self._created_now(state)
        if isinstance(provided, Provided) and state is not State.OTHER_TENANT:
            self.wait_until_readable(provided.run_id)
        return provided

    def _created_now(self, state: State) -> Provided | Declined:
        provided = self._provisioner.provide(state)
        if isinstance(provided, Provided) and provided.may_change and self._provisioner.unlimited:
            self._created += [] if state is State.OTHER_TENANT else [provided.run_id]
        if isinstance(provided, Provided):
            self.states[provided.run_id] = state
            self._poller.waits.provided(provided.run_id, state)
        return provided

    def wait_until_readable(self, run_id: str) -> None:
        """Wait for a run that cannot be read yet. After the first few that can be read at once, no
        more are tried."""
        if not self.unlimited or self._readable_at_once >= _READ_AT_ONCE:
            return
        what = "a run can be read"
        with contextlib.suppress(Outcome):
            self._settling.read(
                what,
                partial(self._api.get_run, run_id),
                lambda response: "not found" if response.status == 404 else None,
                self._poller.patience if self._poller.real_time else 0.0,
            )
            self._readable_at_once += what not in self._settling.seen

    def _provide_before_it_passes(self, state: State, at: Status | None) -> Provided:
        """One to change; another, if it has gone past the status before it was looked at."""
        for _ in range(_MAX_TRIES - 1 if self.unlimited and at not in FINISHED else 0):
            with contextlib.suppress(StatusPassed):
                return self._once(state, at, to_change=True)
        return self._once(state, at, to_change=True)

    def _once(self, state: State, at: Status | None, *, to_change: bool) -> Provided:
        """One in this status. Raise NotReached at once if the last two did not get there."""
        if (before := self._not_reached.get((state, at))) and before.times > 1:
            raise before
        try:
            provided = self._provide(state, at, to_change=to_change)
        except NotReached as why:
            why.times = before.times + 1 if before else 1
            self._not_reached[state, at] = why
            raise
        self._not_reached.pop((state, at), None)
        return provided

    def _provide(self, state: State, at: Status | None, *, to_change: bool) -> Provided:
        provided_run = self._request(state, at)
        provided = (
            self._derive(state, provided_run)
            if isinstance(provided_run, Declined)
            else provided_run
        )
        if to_change and not provided.may_change:
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

    def _derive(self, state: State, declined: Declined) -> Provided:
        if state is State.COMPLETED:
            return Provided(self.fresh(State.SUCCEEDS, Status.COMPLETED), may_change=True)
        if state is State.CANCELLED:
            run_id = self.fresh(State.PENDING)
            if why := success(self._api.cancel(run_id)):
                raise Inconclusive(f"a pending run could not be cancelled: {why}")
            return Provided(run_id, may_change=True)
        raise Unsupported(f"no run that is {state.value!r}: {declined.reason}")
