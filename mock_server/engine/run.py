"""A run as the engine holds it: its scenario, its log, the fold of the log, and counters.

Everything except identity, scenario, log and what it keeps of an earlier run follows from the log,
so these restore a run, and a run that has finished can be packed.
"""

from collections.abc import Iterable

from mock_server.engine.drawn_facts import DrawnFacts
from mock_server.engine.enums import FINISHED, EventType, StepStatus
from mock_server.engine.packed_log import PackedLog, rows
from mock_server.engine.randomness import SeededRandom
from mock_server.engine.run_state import Event, Identity, Json, RunState
from mock_server.engine.scenario import Scenario

BUSY_STEP = frozenset({StepStatus.RUNNING, StepStatus.AWAITING_APPROVAL})
"""The statuses of a step that has started and not ended."""

_UNPACKED = ("log", "attempts", "waiting")
_NOTHING: dict[int, Json] = {}


class Run:
    """One run.

    ``epoch`` grows whenever its scheduled events no longer apply, so that events of an earlier
    epoch are skipped. Per step, ``attempts`` counts its starts and ``waiting`` the steps it depends
    on that have not completed. ``busy`` counts the running steps. A run that a retry created has
    from the earlier run its number of attempts, ``earlier``, and results of steps, ``kept``; these
    hold until the run is ``retried`` itself.
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
        self.kept = kept or _NOTHING
        self.retried = False

    @property
    def finished(self) -> bool:
        return self.state.status in FINISHED

    @property
    def packed(self) -> bool:
        return self.state.packed is not None

    @property
    def event_count(self) -> int:
        """The number of events in the log."""
        packed = self.state.packed
        return len(self.log) if packed is None else packed.count

    def rows(self, count: int) -> bytes:
        """Return the first ``count`` events of the log as ``packed_log.rows``."""
        packed = self.state.packed
        if packed is not None and packed.count == count:
            return packed.rows
        return rows(self.log[:count])

    def pack(self, undrawn: DrawnFacts | None = None) -> None:
        """Keep what can be restored from the log as bytes only. ``undrawn`` draws what is
        undrawn."""
        if not self.packed:
            self.state.pack(PackedLog(self.log, undrawn))
            for name in _UNPACKED:
                delattr(self, name)
            self.__class__ = PackedRun

    def unpack(self) -> None:
        """Restore what was packed, so that the run can go on."""
        if self.packed:
            restored = self._restored()
            self.__class__ = Run
            self.state = restored.state
            self.busy = restored.busy
            for name in _UNPACKED:
                setattr(self, name, getattr(restored, name))

    def _restored(self) -> "Run":
        run = Run(self.state.identity, self.scenario, self.rng, self.earlier, self.kept)
        run.restore(self.log)
        run.settle()
        return run

    def kept_result(self, index: int) -> Json | None:
        """Return the kept result of a step that does not run again; None for any other."""
        return None if self.retried else self.kept.get(index)

    def restore(self, log: Iterable[Event]) -> None:
        """Apply a part of the log to this new run; call ``settle`` after the last part.

        Raise IllegalTransitionError.
        """
        for event in log:
            self.state.apply(event)
            self.log.append(event)
            self.retried = self.retried or event.type is EventType.RUN_RETRIED
            begun = event.type in (EventType.STEP_STARTED, EventType.STEP_AWAITING_APPROVAL)
            if begun and event.step is not None and self.kept_result(event.step) is None:
                self.attempts[event.step] += 1

    def settle(self) -> None:
        """Count what follows from the restored log."""
        self.busy = sum(step.status in BUSY_STEP for step in self.state.steps)
        self.reset_waiting()

    def reset_waiting(self) -> None:
        """Count, for each step, the steps it depends on that have not completed."""
        steps = self.state.steps
        self.waiting = [
            sum(steps[need].status is not StepStatus.COMPLETED for need in plan.needs)
            for plan in self.scenario.plans
        ]


class PackedRun(Run):
    """A run whose log is packed: each access to its log, attempts and waiting restores them.

    A run becomes one, and a ``Run`` again when it is unpacked.
    """

    __slots__ = ()

    @property
    def log(self) -> list[Event]:  # type: ignore[override]
        packed = self.state.packed
        return [] if packed is None else packed.events()

    @property
    def attempts(self) -> list[int]:  # type: ignore[override]
        return self._restored().attempts

    @property
    def waiting(self) -> list[int]:  # type: ignore[override]
        return self._restored().waiting
