"""Run one check after the other on a session: each has its share of time, those that come too late
have none, and one that met an outage is run again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Protocol

from conformance import deadline
from conformance.config.settings import Settings
from conformance.errors import DeadlineExceeded, Inconclusive, Outcome, SetupError
from conformance.harness.context import CheckContext
from conformance.harness.markers import CheckInfo
from conformance.runner.budget import Budget
from conformance.runner.check_results import Judging
from conformance.runner.request_plan import RequestPlan
from conformance.runner.session import Session
from conformance.vocabulary import Untested

# How often in a row a check is run again after an outage without success.
_MAX_RERUNS = 3


class Schedule(Protocol):
    """The time of the run, which all executions share."""

    settings: Settings
    plan: RequestPlan
    budget: Budget

    @property
    def left(self) -> float:
        """The seconds that are left of the budget."""

    @property
    def lost(self) -> tuple[str, str]:
        """The requirement whose check lost the target or the credential in the main thread, and
        how; or ""."""

    def add_problem(self, why: str) -> None:
        """Note why the run is incomplete."""


class Execution:
    """Runs checks on this session, in one thread."""

    def __init__(self, session: Session, schedule: Schedule) -> None:
        self.session = session
        self.judging = Judging(session)
        self._schedule = schedule
        self._reruns = 0

    @property
    def lost(self) -> tuple[str, str] | None:
        """The requirement whose check lost the target or the credential here, and how."""
        since = self.judging.unreachable_since
        return (since, self.judging.problem) if since else None

    def begin(self, checks: Iterable[CheckInfo], share: int = 1) -> None:
        """Begin the slow work of these checks early; work that cannot begin fails in its own check.
        Of the runs that they want every so-many-th is created ahead."""
        checks = list(checks)
        wanted = [state for info in checks for state in info.wants]
        self.session.plan(wanted[:: max(1, share)])
        for begin in dict.fromkeys(info.early for info in checks):
            left = self._schedule.left
            if begin is not None and left > 0 and not self._schedule.plan.too_long:
                with (
                    contextlib.suppress(Outcome, SetupError, DeadlineExceeded),
                    deadline.limit(left, "the budget was spent"),
                ):
                    begin(self.session.context())

    def run(
        self, info: CheckInfo, check: Callable[[CheckContext], object], context: CheckContext
    ) -> None:
        """Run the check. Raise what it ends with."""
        schedule, settings = self._schedule, self._schedule.settings
        left = schedule.budget.begin(info, schedule.left)
        needed = schedule.plan.begin(info.requirement, left)
        if left <= 0:
            why = f"the budget of {settings.budget:g} s was spent"
            schedule.add_problem(why)
            raise Inconclusive(why, reason=Untested.BUDGET)
        # Random cases may take as long as the user wants.
        at_random = settings.fuzz.seed is not None
        share = schedule.budget.share(info, 3 * settings.patience + 2 * needed)
        share = left if at_random else min(left, share)
        since, how = self.lost or schedule.lost
        if since:
            raise Inconclusive(how, caused_by=since, reason=Untested.LOST)
        outages = self.session.outages
        with deadline.limit(share, f"the check was not done after {share:.1f} s"):
            self.session.create_ahead()
            self.judging.begin()
            seen = outages.seen
            try:
                check(context)
            except Outcome:
                if outages.seen == seen or self._reruns >= _MAX_RERUNS:
                    raise
            else:
                return
            # An outage is not the subject of the check.
            self._reruns += 1
            self.judging.begin_again()
            check(context)
            self._reruns = 0
