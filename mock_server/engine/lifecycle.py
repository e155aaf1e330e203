"""The lifecycle engine: what happens to runs, and when, without I/O, threads or a real clock.

Scheduled events are on a heap, and ``catch_up`` lets them happen in order up to an instant;
requests (cancel, retry, decide) happen at the engine's present. Every change is an event that is
appended to the run's log. Where the contract is silent, the engine's ``Behaviour`` decides.
"""

import sys
from collections.abc import Callable

from mock_server.engine.behaviour import (
    AfterFailed,
    Behaviour,
    CancelOfRunning,
    RetryIdentity,
    StateConflict,
)
from mock_server.engine.clock import SECOND
from mock_server.engine.drawn_facts import UNDRAWN, DrawnFacts
from mock_server.engine.enums import EventType, RetryMode, RunStatus, StepStatus
from mock_server.engine.fake_data import FakeData
from mock_server.engine.randomness import SeededRandom
from mock_server.engine.retry import mode_without_step_key, steps_to_rerun
from mock_server.engine.run import BUSY_STEP, Run
from mock_server.engine.run_state import Identity, Json, StepState, new_event
from mock_server.engine.scenario import Outcome, Scenario
from mock_server.engine.schedule import Schedule, ScheduledKind
from mock_server.errors import HttpError

CANCEL_GRACE = 1 * SECOND
"""How long running steps may go on after a cooperative cancel was requested."""

_NOTHING: Json = {}
_OPEN_STEP = BUSY_STEP | {StepStatus.PENDING}

# Of what happens in every run: Python 3.11 looks up a member of an enum in ten times as long.
_RUN_CREATED, _RUN_STARTED = EventType.RUN_CREATED, EventType.RUN_STARTED
_RUN_COMPLETED = EventType.RUN_COMPLETED
_STEP_STARTED, _STEP_COMPLETED = EventType.STEP_STARTED, EventType.STEP_COMPLETED
_STEP_PENDING, _STEP_FAILED = StepStatus.PENDING, StepStatus.FAILED
_START, _COMPLETE = ScheduledKind.START, ScheduledKind.COMPLETE
_AWAITS_DECISION, _SUCCEEDS, _FAILS = Outcome.AWAITS_DECISION, Outcome.SUCCEEDS, Outcome.FAILS


ChangeListener = Callable[[Run, RunStatus | None], None]
"""Called after each event with the run and its status before; None for a new run."""


class Engine:
    """The lifecycle of all runs of one world.

    ``now`` is the instant up to which scheduled events have happened, ``event_count`` the number of
    all events. While the engine ``defers``, nothing may be read of a run: its events are
    ``UNDRAWN``, and those of its steps are not watched.
    """

    def __init__(
        self, now: int, behaviour: Behaviour, fake_data: FakeData, watch: ChangeListener
    ) -> None:
        self.now = now
        self.event_count = 0
        self.defers = False
        self.behaviour = behaviour
        self._fake_data = fake_data
        self._watch = watch
        self.schedule = Schedule()
        self._handlers: dict[ScheduledKind, Callable[[Run, int], None]] = {
            ScheduledKind.START: self._start,
            ScheduledKind.COMPLETE: self._complete,
            ScheduledKind.FAIL: self._fail_due,
            ScheduledKind.CANCEL: self._cancel_due,
        }

    @property
    def next_due(self) -> int | None:
        """The instant of the next scheduled event."""
        return self.schedule.next_at

    def catch_up(self, now: int, max_events: int = sys.maxsize) -> bool:
        """Let scheduled events happen up to ``now``, in order; return whether these were all.

        Stop after the one that makes ``event_count`` reach ``max_events``.
        """
        while due := self.schedule.pop(now):
            self.now = due.at
            self._handlers[due.kind](due.run, due.step)
            if self.event_count >= max_events:
                return False
        self.now = max(self.now, now)
        return True

    def close(self) -> None:
        """Let nothing happen any more, and drop the references that lead back to the engine."""
        self.schedule = Schedule()
        self._watch = _ignore
        self._handlers = {}

    def create(self, identity: Identity, scenario: Scenario, rng: SeededRandom) -> Run:
        """Create a pending run; it starts when the scenario's wait is over."""
        run = Run(identity, scenario, rng)
        self._emit(run, _RUN_CREATED)
        self._queue(run)
        return run

    def pack(self, run: Run) -> None:
        """Pack the run; what is undrawn is drawn when it is read."""
        run.pack(self._facts(run) if self.defers else None)

    def unpack(self, run: Run) -> None:
        """Unpack the run, and draw what was deferred."""
        if self.defers:
            self.pack(run)
        run.unpack()

    def cancel(self, run: Run) -> Run:
        """Cancel the run. Raise HttpError for a finished one, unless the behaviour ignores that."""
        state = run.state
        if run.finished:
            self._reject(
                self.behaviour.cancel_of_finished,
                "Q02",
                f"The run is {state.status}: only a pending or running run can be cancelled.",
            )
        elif state.status is RunStatus.PENDING or (
            self.behaviour.cancel_of_running is CancelOfRunning.AT_ONCE
        ):
            self._cancel_now(run)
        elif not state.cancelling:
            self._emit(run, EventType.RUN_CANCEL_REQUESTED)
            self._after(CANCEL_GRACE, run, ScheduledKind.CANCEL)
        return run

    def retry(
        self,
        run: Run,
        mode: RetryMode,
        step_key: str | None,
        new_identity: Callable[[], tuple[Identity, SeededRandom]],
    ) -> Run:
        """Retry the run and return the run that will run.

        ``new_identity`` is called where the behaviour creates a new run. Raise HttpError or
        RequestValidationError.
        """
        if mode is RetryMode.FROM_STEP and step_key is None:
            mode = mode_without_step_key(self.behaviour)
        if not run.finished:
            self._reject(
                self.behaviour.retry_of_unfinished,
                "Q03",
                f"The run is {run.state.status}: only a finished run can be retried.",
            )
            return run
        self.unpack(run)
        rerun = steps_to_rerun(run, mode, step_key, self.behaviour)
        if self.behaviour.retry_identity is RetryIdentity.NEW_RUN:
            return self._retry_as_new_run(run, rerun, *new_identity())
        self._emit(run, EventType.RUN_RETRIED)
        run.retried = True
        for index in sorted(rerun):
            self._emit(run, EventType.STEP_RESET, index)
        run.reset_waiting()
        self._queue(run)
        return run

    def decide(self, run: Run, index: int, approved: bool) -> None:
        """Decide about step ``index``. Raise HttpError if it does not await a decision."""
        step = run.state.steps[index]
        if step.status is not StepStatus.AWAITING_APPROVAL:
            raise HttpError(409, f"Step {step.plan.key!r} is {step.status}: it awaits no decision.")
        if approved:
            self._emit_drawn(run, EventType.STEP_APPROVED, index)
            self._after(self._takes(run, index), run, ScheduledKind.COMPLETE, index)
        else:
            self._fail(run, index, {"code": "rejected", "message": "The decision was no"})

    def force(self, run: Run, outcome: RunStatus, error: Json | None = None) -> None:
        """End the run with ``outcome`` now: its remaining steps complete, or a running one fails,
        or all are cancelled. Raise HttpError where that is not possible."""
        if run.finished:
            raise HttpError(409, f"The run is {run.state.status}: its outcome is final.")
        if outcome is RunStatus.CANCELLED:
            self._cancel_now(run)
            return
        if run.state.cancelling:
            raise HttpError(409, "The run is being cancelled: its outcome is final.")
        broken = any(step.status is StepStatus.FAILED for step in run.state.steps)
        if outcome is RunStatus.COMPLETED and broken:
            raise HttpError(
                409, "A step of the run has failed: it cannot complete without a retry."
            )
        remaining = any(step.status in _OPEN_STEP for step in run.state.steps)
        if outcome is RunStatus.FAILED and not remaining:
            raise HttpError(409, "The run has no step that could fail.")
        if run.state.status is RunStatus.PENDING:
            run.epoch += 1
            self._start(run, -1)
        while not run.finished:
            index = next(i for i, s in enumerate(run.state.steps) if s.status in BUSY_STEP)
            self.force_step(run, index, outcome, error)

    def force_step(
        self, run: Run, index: int, outcome: RunStatus, error: Json | None = None
    ) -> None:
        """End the running step ``index`` as completed or failed now. Raise HttpError."""
        step = run.state.steps[index]
        if step.status not in BUSY_STEP:
            raise HttpError(
                409, f"Step {step.plan.key!r} is {step.status}: only a running step can be ended."
            )
        self.schedule.drop(run, index)
        if outcome is RunStatus.FAILED:
            script = run.scenario.scripts[index].error
            self._fail(run, index, error or {"code": script.code, "message": script.message})
            return
        if step.status is StepStatus.AWAITING_APPROVAL:
            self._emit_drawn(run, EventType.STEP_APPROVED, index)
        self._complete(run, index)

    # Scheduled events.

    def _start(self, run: Run, _: int) -> None:
        job = run.rng.between(0, 10**8 - 1, len(run.log), "job")
        external = f"{run.state.identity.orchestrator_type}-{job:08}"
        self._emit(run, _RUN_STARTED, None, {"externalJobId": external})
        for index, step in enumerate(run.state.steps):
            if step.status is _STEP_PENDING and run.waiting[index] == 0:
                self._begin(run, index)
        self._finish_if_idle(run)

    def _begin(self, run: Run, index: int) -> None:
        run.busy += 1
        if run.kept and run.kept_result(index) is not None:
            self._emit_drawn(run, _STEP_STARTED, index)
            self._after(0, run, _COMPLETE, index)
            return
        script = run.scenario.scripts[index]
        run.attempts[index] += 1
        outcome = script.outcome(run.attempts[index])
        if outcome is _AWAITS_DECISION:
            self._emit_drawn(run, EventType.STEP_AWAITING_APPROVAL, index)
            return
        self._emit_drawn(run, _STEP_STARTED, index)
        if outcome is _SUCCEEDS:
            self._after(self._takes(run, index), run, _COMPLETE, index)
        elif outcome is _FAILS:
            self._after(self._takes(run, index), run, ScheduledKind.FAIL, index)

    def _complete(self, run: Run, index: int) -> None:
        run.busy -= 1
        kept = run.kept_result(index) if run.kept else None
        if kept is None:
            self._emit_drawn(run, _STEP_COMPLETED, index)
        else:
            self._emit(run, _STEP_COMPLETED, index, kept)
        if not run.state.cancelling:
            for dependent in run.scenario.dependents[index]:
                run.waiting[dependent] -= 1
                pending = run.state.steps[dependent].status is _STEP_PENDING
                if pending and run.waiting[dependent] == 0:
                    self._begin(run, dependent)
        self._finish_if_idle(run)

    def _fail_due(self, run: Run, index: int) -> None:
        error = run.scenario.scripts[index].error
        self._fail(run, index, {"code": error.code, "message": error.message})

    def _fail(self, run: Run, index: int, error: Json) -> None:
        run.busy -= 1
        self._emit(run, EventType.STEP_FAILED, index, {"error": error})
        self._end_dependents(run, index)
        self._finish_if_idle(run)

    def _cancel_due(self, run: Run, _: int) -> None:
        self._cancel_now(run)

    # The end of a run.

    def _end_dependents(self, run: Run, failed: int) -> None:
        """End the dependents of a failed step, which never start."""
        if self.behaviour.after_failed is AfterFailed.PENDING:
            return
        event_type = (
            EventType.STEP_SKIPPED
            if self.behaviour.after_failed is AfterFailed.SKIPPED
            else EventType.STEP_CANCELLED
        )
        for index in sorted(run.scenario.downstream({failed}) - {failed}):
            if run.state.steps[index].status is StepStatus.PENDING:
                self._emit(run, event_type, index)

    def _finish_if_idle(self, run: Run) -> None:
        """End the run if no step is running, because no other can start."""
        if run.busy:
            return
        if run.state.cancelling:
            self._cancel_now(run)
            return
        run.epoch += 1
        failed = next((s for s in run.state.steps if s.status is _STEP_FAILED), None)
        if failed is None:
            self._emit(run, _RUN_COMPLETED)
        else:
            self._emit(run, EventType.RUN_FAILED, None, {"error": _run_error(failed)})

    def _cancel_now(self, run: Run) -> None:
        run.epoch += 1
        run.busy = 0
        for index, step in enumerate(run.state.steps):
            if step.status in _OPEN_STEP:
                self._emit(run, EventType.STEP_CANCELLED, index)
        self._emit(run, EventType.RUN_CANCELLED)

    def _retry_as_new_run(
        self, old: Run, rerun: set[int], identity: Identity, rng: SeededRandom
    ) -> Run:
        """Create a run of the same scenario that keeps the results of steps that do not run
        again."""
        kept: dict[int, Json] = {
            index: {"result": step.result, "truncated": step.truncated}
            for index, step in enumerate(old.state.steps)
            if index not in rerun
        }
        run = Run(identity, old.scenario, rng, list(old.attempts), kept)
        self._emit(run, EventType.RUN_CREATED)
        self._queue(run)
        return run

    # Helpers.

    def _queue(self, run: Run) -> None:
        waits = run.scenario.waits
        waited = run.rng.between(waits.minimum, waits.maximum, len(run.log), "waits")
        self._after(waited, run, _START)

    def _takes(self, run: Run, index: int) -> int:
        takes = run.scenario.scripts[index].takes
        return run.rng.between(takes.minimum, takes.maximum, len(run.log), "takes", index)

    def _after(self, delay: int, run: Run, kind: ScheduledKind, step: int = -1) -> None:
        self.schedule.add(self.now + delay, run, kind, step)

    def _emit_drawn(self, run: Run, type_: EventType, step: int) -> None:
        facts = UNDRAWN if self.defers else self._facts(run).draw(len(run.log) + 1, type_, step)
        self._emit(run, type_, step, facts)

    def _facts(self, run: Run) -> DrawnFacts:
        return DrawnFacts(run.rng, run.scenario, self._fake_data)

    def _emit(
        self, run: Run, type_: EventType, step: int | None = None, facts: Json = _NOTHING
    ) -> None:
        log, state = run.log, run.state
        before = state.status if log else None
        event = new_event((len(log) + 1, self.now, type_, step, facts))
        state.apply(event)
        log.append(event)
        self.event_count += 1
        if step is None or not self.defers:
            self._watch(run, before)

    @staticmethod
    def _reject(policy: StateConflict, question: str, reason: str) -> None:
        if policy is StateConflict.CONFLICT:
            raise HttpError(409, reason, question=question)
        if policy is StateConflict.BAD_REQUEST:
            raise HttpError(400, reason, question=question)


def _ignore(_run: Run, _before: RunStatus | None) -> None:
    """Ignore a change of a closed engine."""


def _run_error(step: StepState) -> Json:
    """Return the run's error: the failed step's, with its key."""
    return {**(step.error or {}), "stepKey": step.plan.key}
