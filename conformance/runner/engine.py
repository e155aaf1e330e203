"""The run itself, as a pytest plugin object: opens the session before the first check, judges each
check as it ends, and makes the report. Under pytest-xdist the workers check and the controller
reports; results pass between them as JSON in the test reports' properties."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import cast

import pytest

from conformance import deadline
from conformance.client.outages import OutageStats
from conformance.client.rate_limit import RateLimitStats
from conformance.config.settings import Settings
from conformance.errors import DeadlineExceeded, KitError
from conformance.harness.context import CheckContext
from conformance.harness.markers import info_of
from conformance.results.events import (
    CheckFinished,
    CheckStarted,
    Event,
    PlannedByRate,
    RateLimited,
    Reporter,
    RunFinished,
    RunNotStarted,
    RunStarted,
    SetupFinished,
    WaitingForApi,
)
from conformance.results.record import RunRecord
from conformance.results.report import Report
from conformance.results.result import Result
from conformance.runner.budget import Budget
from conformance.runner.build_report import begin_record, conclude, show
from conformance.runner.check_results import Judging
from conformance.runner.execution import Execution
from conformance.runner.lanes import Lanes
from conformance.runner.request_plan import RequestPlan
from conformance.runner.selection import POSITION, call, cheapest_first, overlapped, select
from conformance.runner.session import Session
from conformance.runner.shards import divide, part
from conformance.runner.workers import CheckLock, Planned, WorkerInput, WorkerOutput, send_output
from conformance.vocabulary import Verdict

_PROPERTY = "runs-conformance"
_CHECKS = Path(__file__).parent.parent / "checks"


class Engine:
    """One run. `worker` is the name of the xdist worker that this process is, or empty in the
    controller, which makes the report; `start` is when the run began, by the monotonic clock."""

    def __init__(
        self,
        settings: Settings,
        reporters: Sequence[Reporter],
        *,
        worker: str = "",
        start: float | None = None,
        lock: CheckLock | None = None,
    ) -> None:
        self.settings = settings
        self.report: Report | None = None
        self.refused: KitError | None = None
        self._reporters = reporters
        self._redactor = settings.redactor()
        self.worker = worker
        self._lock = lock or CheckLock()
        self._session: Session | None = None
        self._setup = SetupFinished("", {}, frozenset())
        self._results: list[Result] = []
        self._problem = ""
        self._notes = settings.connection.notes
        self._rate_limit_stats = RateLimitStats()
        self._failed_waits: set[str] = set()
        self._outage_stats = OutageStats()
        self.plan = RequestPlan(0.0, (), 0.0)
        self.budget = Budget()
        self._planned = Planned()
        self._lanes: Lanes | None = None
        self._emitting = threading.RLock()
        self._came_late: frozenset[str] = frozenset()
        self._interrupted = False
        self._begun = False
        self.start = time.monotonic() if start is None else start
        self._started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    @classmethod
    def for_worker(cls, name: str, given: WorkerInput) -> Engine:
        """Return the engine of the worker with this name."""
        start = time.monotonic() - given.elapsed
        lock = CheckLock(given.lock_directory)
        return cls(given.settings, [], worker=name, start=start, lock=lock)

    @property
    def session(self) -> Session:
        """The open session."""
        if self._session is None:
            raise RuntimeError("the session is not open")
        return self._session

    @cached_property
    def execution(self) -> Execution:
        """The execution of the open session's checks."""
        return Execution(self.session, self)

    @property
    def judging(self) -> Judging:
        """The judgement of the open session's checks."""
        return self.execution.judging

    @property
    def left(self) -> float:
        """The seconds that are left of the budget."""
        return self.settings.budget - (time.monotonic() - self.start)

    @property
    def lost(self) -> tuple[str, str]:
        """The requirement whose check lost the target or the credential, and how; or ""."""
        return self.execution.lost or ("", "")

    @pytest.fixture
    def context(self) -> CheckContext:
        """Return the context of the next check."""
        return self.judging.new_context()

    def pytest_sessionstart(self) -> None:
        """Connect, try the target, and see which runs can be had."""
        try:
            # Waiting for a target to start is not part of the run.
            share = self.settings.wait_for_api + self.settings.budget
            with deadline.limit(share, "the budget was spent before the first check"):
                self._session = Session(
                    self.settings, self.worker, self._wait, lambda s: self._emit(RateLimited(s))
                )
                self._redactor = self.session.redactor
                if not self.worker:
                    self.session.try_out()
                    self.settings = self.session.settings
                    self._setup = self.session.check_provisioning()
                    self._emit(self._setup)
        except (KitError, DeadlineExceeded) as fault:
            late = KitError(str(fault), "Raise --budget, or find out what is slow.")
            self.refused = fault if isinstance(fault, KitError) else late
            message, hint = map(self._redactor.text, (self.refused.message, self.refused.hint))
            self._problem = f"{message} {hint}".strip()
            self._emit(RunNotStarted(message, hint, conclude(self._record())))
            if self._session is not None:
                self._clean_up(self._session)
        self._begun = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Stop here without a session; any earlier, pytest would repeat the reason."""
        if self.refused is not None:
            text = f"{self.refused.message} {self.refused.hint}".rstrip()
            raise pytest.exit.Exception(text, returncode=2)

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Skip modules of groups that are not selected: some take long to load."""
        if collection_path == _CHECKS / "support":
            return True
        if collection_path.parent != _CHECKS or collection_path.stem == "__init__":
            return None
        group = collection_path.stem.upper()
        catalogue = self.session.catalogue
        asked = any(catalogue[each].group == group for each in self.session.selected)
        return None if asked else True

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Keep the selected checks, those by hand that change nothing first."""
        catalogue, given = self.session.catalogue, self.settings
        found = select(items, catalogue, self.session.selected, given.catalogue, given.selects)
        if found.dropped:
            config.hook.pytest_deselected(items=found.dropped)
        if (shard := self.settings.shard) is not None:
            division = divide(found.kept, shard.count, self.settings.weights)
            found.kept = part(found.kept, division, shard)
            self._planned = Planned(found.requirements, division.digest)
        left = self.left
        self.plan = plan = RequestPlan(self.session.pacer.per_minute, found.requirements, left)
        # Each of several workers keeps the shares, whichever of them does the parts.
        self.budget = Budget(left, () if plan.too_long else (each.info for each in found.kept))
        ordered = cheapest_first(found.kept, plan)
        if self._may_overlap():
            overlap = overlapped(ordered)
            self._lanes = Lanes(self.session, self, overlap)
            ordered = overlap.ordered
        items[:] = [*found.others, *(each.item for each in ordered)]
        if not self.worker:
            self.report_started(len(ordered))
            if plan.forecast is not None:
                self._emit(PlannedByRate(plan.forecast.text))
                self._notes += (plan.forecast.text,)

    def _may_overlap(self) -> bool:
        """Whether checks may wait side by side: their time is real, runs can be made for each, and
        no limit of requests makes them wait for each other."""
        session = self.session
        settings = self.settings
        # A replay keeps the times between the requests.
        asked = settings.workers == 1 and not settings.sequential and settings.selection is None
        unlimited = session.provisioner.unlimited and self.plan.forecast is None
        return asked and unlimited and session.real_time and not settings.read_only

    def report_started(self, checks: int) -> None:
        """Report that the checks begin."""
        schemes = tuple(credential.scheme.value for credential in self.settings.credentials)
        self._emit(RunStarted(self.settings.base_url, checks, schemes, self.settings.fuzz.again))

    def add_problem(self, why: str) -> None:
        """Note why the run is incomplete."""
        if why not in self._problem:
            self._problem = "; ".join(filter(None, (self._problem, why)))

    def add_came_late(self, transitions: frozenset[str]) -> None:
        """Add transitions that came after the kit had given them up."""
        self._came_late |= transitions

    def add_outage_stats(self, outage_stats: OutageStats) -> None:
        """Add the outages that a worker met."""
        self._outage_stats += outage_stats

    def add_rate_limit_stats(self, rate_limit_stats: RateLimitStats) -> None:
        """Add the waits that rate limits cost a worker."""
        self._rate_limit_stats += rate_limit_stats

    def set_planned(self, planned: Planned) -> None:
        """Set the checks of all workers, which only they know."""
        self._planned = planned

    def _wait(self, seconds: float, why: str) -> None:
        self.start = time.monotonic()
        self._emit(WaitingForApi(seconds, self.settings.wait_for_api, why))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Begin slow work early; work that cannot begin fails in its own check."""
        own = [item for item in session.items if self._lanes is None or item not in self._lanes]
        checks = [info for item in own if (info := info_of(item)) is not None]
        self.execution.begin(checks, self.settings.workers)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Report that a check begins."""
        self._emit(CheckStarted("", nodeid.rpartition("::")[2]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run a check in its share of time, or wait for its end in a lane."""
        info = info_of(pyfuncitem)
        if info is None:
            return None
        if (lanes := self._lanes) is not None:
            lanes.start_unless_alone(pyfuncitem)
            if pyfuncitem in lanes:
                lanes.wait(pyfuncitem)
                return True
        context = cast("CheckContext", pyfuncitem.funcargs["context"])
        self.session.keep_gaps(info.requirement, pyfuncitem.name)
        with self._lock.hold(exclusive=info.exclusive):
            self.execution.run(info, partial(call, pyfuncitem), context)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Judge a check that has ended and send the result along with pytest's own report."""
        report = yield
        info = info_of(item)
        fault = call.excinfo.value if call.excinfo else None
        if info is None or (call.when != "call" and fault is None):
            return report
        required = self.session.catalogue[info.requirement]
        ended = None if self._lanes is None else self._lanes.ended(item)
        result, *incidental = (
            self.judging.results(required, item.name, fault, call.duration)
            if ended is None
            else ended.results
        )
        if problem := self.judging.problem if ended is None else ended.problem:
            self._problem = problem
        if result.verdict in (Verdict.VIOLATION, Verdict.DEVIATION):
            self._failed_waits.add(result.waited_for)
        place = item.stash.get(POSITION, 0)
        for each in (replace(found, position=place) for found in (result, *incidental)):
            report.user_properties.append((_PROPERTY, json.dumps(each.to_json())))
        show(report, result, self.settings, self._started_at[:10])
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in a result, wherever its check ran."""
        for name, data in report.user_properties:
            if name == _PROPERTY and not self.worker:
                result = Result.from_json(json.loads(str(data)))
                self._results.append(result)
                if not result.incidental:
                    self._emit(CheckFinished(result))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module of checks that cannot be loaded."""
        if report.failed and self.refused is None:
            self.add_problem(f"internal error of the kit: {report.nodeid} cannot be loaded")

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Report partial results when the user interrupts; pytest does so too, after errors."""
        by_pytest = excinfo.errisinstance(pytest.Session.Interrupted)
        self._interrupted = self.refused is None and not by_pytest
        # Where a session was never begun pytest finishes none.
        if not self._begun and not self.worker:
            self._conclude()

    def pytest_internalerror(self, excrepr: object) -> None:
        """Pytest or the kit failed outside any check."""
        self._problem = f"internal error of the kit: {str(excrepr).strip().splitlines()[-1]}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Clean up, and make the report and the exit code."""
        if self.worker:
            if self._session is not None:
                self._clean_up(self._session)
            problem = self.refused.message if self.refused else self._problem
            output = WorkerOutput(
                problem,
                self._rate_limit_stats,
                self._came_late,
                self._outage_stats,
                self._planned,
            )
            send_output(session.config, output)
            return
        if self.refused is not None:
            session.exitstatus = 2
            return
        session.exitstatus = int(self._conclude().exit_code)

    def _conclude(self) -> Report:
        if self._session is not None:
            self._clean_up(self._session)
        record = self._record()
        self.report = conclude(record)
        self._emit(RunFinished(self.report, record))
        return self.report

    def _clean_up(self, session: Session) -> None:
        """Do not let a slow target delay the verdict."""
        late = "Clean-up took too long: runs that the kit created are still unfinished."
        lanes = self._lanes
        try:
            with deadline.limit(max(self.left, self.settings.timeout), late):
                if lanes is not None:
                    lanes.stop()
                self._came_late |= session.came_late(self._failed_waits, self.left)
                for each in (*(lanes.sessions if lanes else ()), session):
                    each.close()
        except DeadlineExceeded as fault:
            self._notes += (str(fault),)
        self.add_rate_limit_stats(session.rate_limiter.stats)
        self._outage_stats += session.outages.stats
        self._notes += (*session.settling.notes, *session.renewal_faults.values())

    def _record(self) -> RunRecord:
        return replace(
            begin_record(self.settings, self._setup, self._started_at),
            seconds=round(time.monotonic() - self.start, 2),
            problem=self._redactor.text(self._problem),
            interrupted=self._interrupted,
            notes=(*self._notes, *self._rate_limit_stats.notes, *self._outage_stats.notes),
            # Workers end in any order.
            results=tuple(sorted(self._results, key=lambda result: result.position)),
            came_late=self._came_late,
            shard=self.settings.shard,
            planned=self._planned.requirements,
            division=self._planned.division,
            run_id=self.settings.run_id,
        )

    def _emit(self, event: Event) -> None:
        # A lane that is rate limited says so in its own thread.
        with self._emitting:
            for reporter in self._reporters:
                reporter.on(event)
