"""Run checks that wait for runs side by side, in threads of this process, while the main thread
runs the others. A lane has a session of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass

import pytest

from conformance import deadline
from conformance.errors import Inconclusive
from conformance.results.result import Result
from conformance.runner.execution import Execution, Schedule
from conformance.runner.selection import Overlap, SelectedCheck, call
from conformance.runner.session import Session
from conformance.vocabulary import Untested

COUNT = 4
_FUZZ = "fuzz"
# Seconds in which a lane ends after it was stopped: a check notices it with its next request.
_END = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a check ended in a lane, None if it returned, its results, and why the lane lost the
    target, if it did."""

    fault: BaseException | None
    results: Sequence[Result]
    problem: str


class Lanes:
    """Runs the checks that wait, once those that have to be alone are done."""

    def __init__(self, session: Session, schedule: Schedule, overlap: Overlap) -> None:
        self._schedule = schedule
        self._alone = {check.item for check in overlap.alone}
        checks = overlap.waiting
        self._stopped = False
        self._ended: Mapping[pytest.Item, Future[Ended]] = {c.item: Future() for c in checks}
        self._parts = divide(checks, COUNT)
        self._threads: list[threading.Thread] = []
        self._session = session
        self.sessions: list[Session] = []

    def __contains__(self, item: pytest.Item) -> bool:
        return item in self._ended

    def start_unless_alone(self, item: pytest.Item) -> None:
        """Begin, unless that was done before or this item, which is next, has to be alone."""
        if self.sessions or item in self._alone:
            return
        for number, checks in enumerate(self._parts, 1):
            session = self._session.lane(number)
            execution = Execution(session, self._schedule)
            self.sessions.append(session)
            thread = threading.Thread(
                target=self._work, args=(execution, checks), name=f"lane {number}", daemon=True
            )
            self._threads.append(thread)
        for thread in self._threads:
            thread.start()

    def wait(self, item: pytest.Item) -> None:
        """Wait until the check has ended. Raise what it ended with."""
        try:
            ended = self._ended[item].result(max(0.0, self._schedule.left))
            if ended.fault is not None:
                raise ended.fault
        except Late:
            why = f"the budget of {self._schedule.settings.budget:g} s was spent"
            self._schedule.add_problem(why)
            raise Inconclusive(why, reason=Untested.BUDGET) from None

    def ended(self, item: pytest.Item) -> Ended | None:
        """Return how the check ended, if it has."""
        future = self._ended.get(item)
        return future.result() if future is not None and future.done() else None

    def stop(self) -> None:
        """End after the checks that run now, and wait for these a little."""
        self._stopped = True
        until = time.monotonic() + _END
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self, execution: Execution, checks: Sequence[SelectedCheck]) -> None:
        deadline.watch_this_thread()
        execution.begin([check.info for check in checks])
        for check in checks:
            if self._stopped:
                return
            self._ended[check.item].set_result(self._run(execution, check))

    def _run(self, execution: Execution, check: SelectedCheck) -> Ended:
        fault: BaseException | None = None
        start = time.monotonic()
        judging, item = execution.judging, check.item
        try:
            context = judging.new_context()
            execution.run(check.info, lambda given: call(item, given), context)
        except BaseException as raised:
            fault = raised
        required = execution.session.catalogue[check.info.requirement]
        results = judging.results(required, item.name, fault, time.monotonic() - start)
        return Ended(fault, results, judging.problem)


def divide(checks: Sequence[SelectedCheck], count: int) -> list[list[SelectedCheck]]:
    """Return the checks of at most so many lanes in their order: those that share an observation in
    one lane, generated requests in one of their own."""
    units: dict[str, list[SelectedCheck]] = {}
    for place, check in enumerate(checks):
        units.setdefault(check.info.shares or f"{place}", []).append(check)
    alone = units.pop(_FUZZ, [])
    lanes: list[list[SelectedCheck]] = [[] for _ in range(count - bool(alone))]
    # A check waits about once, and once more for each run that it wants.
    loads = [0.0] * len(lanes)
    for name, unit in sorted(units.items(), key=lambda pair: -_weight(pair[1])):
        lightest = loads.index(min(loads))
        loads[lightest] += _weight(units[name])
        lanes[lightest] += unit
    order = {id(check): place for place, check in enumerate(checks)}
    sorted_lanes = [sorted(lane, key=lambda check: order[id(check)]) for lane in lanes]
    return [lane for lane in (alone, *sorted_lanes) if lane]


def _weight(unit: Sequence[SelectedCheck]) -> float:
    if unit[0].info.shares:
        return 4.0 + 0.1 * len(unit)
    return 1.0 + len(unit[0].info.wants)
