"""A run in play: its script, its log, the log's fold, and what the engine keeps count of.

All but identity, script, log and what was taken over from an earlier run follows from the log, so
a run that was written down is taken up again from these.
"""

from mock_server.engine.enums import FINISHED, EventType, StepStatus
from mock_server.engine.randomness import SeededRandom
from mock_server.engine.run_state import Event, Identity, Json, RunState
from mock_server.engine.scenario import Scenario

BUSY_STEP = frozenset({StepStatus.RUNNING, StepStatus.AWAITING_APPROVAL})
"""A step at work."""


class Run:
    """A run as the engine holds it: its script, its log, and the log's fold.

    ``epoch`` grows whenever what was planned for it no longer holds, so that what is due from an
    earlier epoch is passed over. Per step, ``attempts`` counts how often it was begun, ``waiting``
    how many of the steps it depends on have not completed. ``busy`` counts the steps at work.
    A run that a retry made took over from an earlier one the attempts before it, ``earlier``, and
    the results of steps, ``kept``; these hold until the run is ``retried`` itself.
    """

    __slots__ = (
        "attempts",
        "busy",
        "earlier",
        "epoch",
        "id",
        "kept",
        "log",
        "number",
        "retried",
        "rng",
        "scenario",
        "state",
        "waiting",
    )

    def __init__(
        self,
        identity: Identity,
        scenario: Scenario,
        rng: SeededRandom,
        earlier: list[int] | None = None,
        kept: dict[int, Json] | None = None,
    ) -> None:
        self.id = identity.id
        self.number = identity.number
        self.scenario = scenario
        self.rng = rng
        self.state = RunState(identity)
        self.log: list[Event] = []
        self.epoch = 0
        self.busy = 0
        self.earlier = earlier
        self.attempts = [0] * len(scenario.plans) if earlier is None else list(earlier)
        self.waiting = [len(plan.needs) for plan in scenario.plans]
        self.kept = kept or {}
        self.retried = False

    @property
    def finished(self) -> bool:
        return self.state.status in FINISHED

    def kept_result(self, index: int) -> Json | None:
        """How step ``index``, which need not do its work again, completes; None for any other."""
        return None if self.retried else self.kept.get(index)

    def restore(self, log: list[Event]) -> None:
        """Be, from a fresh run, what the run was after ``log``. Raises IllegalTransitionError."""
        for event in log:
            self.state.apply(event)
            self.log.append(event)
            self.retried = self.retried or event.type is EventType.RUN_RETRIED
            begun = event.type in (EventType.STEP_STARTED, EventType.STEP_AWAITING_APPROVAL)
            if begun and event.step is not None and self.kept_result(event.step) is None:
                self.attempts[event.step] += 1
        self.busy = sum(step.status in BUSY_STEP for step in self.state.steps)
        self.reset_waiting()

    def reset_waiting(self) -> None:
        """Each step waits for those of its needs that have not completed."""
        steps = self.state.steps
        self.waiting = [
            sum(steps[need].status is not StepStatus.COMPLETED for need in plan.needs)
            for plan in self.scenario.plans
        ]
