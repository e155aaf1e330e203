"""A world: one tenant's runs, the engine that moves them, its clock and its seed.

Before anything is asked of it, a world catches up to its clock's now. Reading changes nothing.
"""

import gc
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mock_server.engine.behaviour import (
    Behaviour,
    EmptyFields,
    ListOrder,
    RunningDuration,
)
from mock_server.engine.clock import Clock, to_text
from mock_server.engine.enums import RetryMode, RunStatus
from mock_server.engine.fake_data import FakeData
from mock_server.engine.lifecycle import Engine
from mock_server.engine.randomness import SeededRandom, stable_id
from mock_server.engine.run import Run
from mock_server.engine.run_state import Event, Identity, Json
from mock_server.engine.scenario import Scenario
from mock_server.engine.schedule import Schedule
from mock_server.errors import HttpError
from mock_server.faults.rules import Faults
from mock_server.journal.coverage import Coverage
from mock_server.journal.journal import Journal
from mock_server.worlds import serialize
from mock_server.worlds.arrivals import Arrivals
from mock_server.worlds.cooperative import Work
from mock_server.worlds.wakeup import Wakeup

MAX_RUNS = 200_000
_MANY = 1_000
"""Runs from which on a world is a burden for the garbage collector."""

EVENT_BATCH = 256
"""How many events happen before others may have their turn."""


class World:
    """The runs of one tenant in time."""

    def __init__(
        self,
        name: str,
        seed: int,
        clock: Clock,
        behaviour: Behaviour,
        words: FakeData,
        *,
        history_length: int = 0,
        origin: str | None = None,
    ) -> None:
        """``history_length`` is how far back its story begins, in milliseconds before the clock's now.
        ``origin`` is the world that the story is of, where it was taken over from another."""
        self.name = name
        self.origin = origin or name
        self.seed = seed
        self.clock = clock
        self.journal = Journal()
        self.tenant_id = stable_id("tenant", self.origin)
        self.engine = Engine(max(clock.now() - history_length, 0), behaviour, words, self._changed)
        self._runs: list[Run] = []  # in order of creation
        self.omitted_runs = 0  # how many runs of the story it was not given
        self._by_id: dict[str, Run] = {}
        self._by_status: dict[RunStatus, list[int]] = {status: [] for status in RunStatus}
        self._bodies: list[bytes | None] = []  # as rendered last, by the run's number
        self._steps: dict[int, bytes] = {}
        self._readers: dict[str, set[Callable[[], None]]] = {}
        self.wakeup = Wakeup(self)
        self.closed = False
        self.faults = Faults(seed, self.origin)
        self.arrivals: Arrivals | None = None
        self.set_behaviour(behaviour)

    def __len__(self) -> int:
        return len(self._runs)

    def set_behaviour(self, behaviour: Behaviour) -> None:
        """From now on answer as ``behaviour`` says where the contract is silent."""
        self.behaviour = self.engine.behaviour = behaviour
        self._style = serialize.Style(leave_out=behaviour.empty_fields is EmptyFields.ABSENT)
        self._grows = behaviour.running_duration is RunningDuration.GROWS
        self._clear_rendered()

    def clear_coverage(self) -> None:
        """From now on count afresh which parts of the contract were met."""
        self.journal.coverage = Coverage()
        self._clear_rendered()  # What is rendered already would not be noticed again.

    # Time.

    def catch_up(self) -> bool:
        """Let happen what is due by now, a few hundred events at the most; whether that was all."""
        return self.catch_up_to(self.clock.now())

    def catch_up_to(self, now: int) -> bool:
        """Let happen what is due by ``now``, ``EVENT_BATCH`` events or a few more; whether that was
        all."""
        enough = self.engine.event_count + EVENT_BATCH
        while self.arrivals is not None and self.arrivals.next_at <= now:
            if not self.engine.catch_up(self.arrivals.next_at, enough):
                return False
            if len(self._runs) >= MAX_RUNS:
                self.arrivals = None
            else:
                self._create(self.arrivals.take())
        return self.engine.catch_up(now, enough)

    @property
    def next_due(self) -> int | None:
        """The instant of the next thing that happens by itself."""
        due = self.engine.next_due
        if self.arrivals is None:
            return due
        return self.arrivals.next_at if due is None else min(due, self.arrivals.next_at)

    def change_clock(self, change: Callable[[Clock], None]) -> Work[None]:
        """Let ``change`` freeze, resume, rescale or advance the clock, and whatever becomes due by
        that happen. Raises HttpError (409) where the world is closed meanwhile."""
        change(self.clock)
        now = self.clock.now()
        while not self.catch_up_to(now):
            yield
            if self.closed:
                raise HttpError(409, f"The world {self.name!r} was closed meanwhile.")
        self.wakeup.arm()
        yield

    def show_clock(self) -> Json:
        """The clock as the control API shows it."""
        due = self.next_due
        return {
            "world": self.name,
            "now": to_text(self.engine.now),
            "frozen": self.clock.frozen,
            "scale": self.clock.scale,
            "nextDueAt": None if due is None else to_text(due),
        }

    # Reading.

    def runs(self) -> Iterator[Run]:
        """Every run, in order of creation."""
        return iter(self._runs)

    def find(self, run_id: str) -> Run | None:
        """The run with that id, if there is one."""
        return self._by_id.get(run_id)

    def counts(self) -> dict[RunStatus, int]:
        """How many runs there are in each status."""
        return {status: len(numbers) for status, numbers in self._by_status.items()}

    def page(self, status: RunStatus | None, limit: int, offset: int) -> bytes:
        """A page of runs, and the number of runs on all pages."""
        numbers = range(len(self._runs)) if status is None else self._by_status[status]
        total, limit = len(numbers), max(limit, 0)
        if self.behaviour.list_order is ListOrder.OLDEST_FIRST:
            found: Sequence[int] = numbers[offset : offset + limit]
        else:
            last = max(total - offset, 0)
            found = numbers[max(last - limit, 0) : last][::-1]
        runs, bodies = self._runs, self._bodies
        return serialize.page([bodies[n] or self.body(runs[n]) for n in found], total)

    def body(self, run: Run) -> bytes:
        """The run as JSON, rendered when it has changed and not when it is read."""
        if self._grows and not run.finished:
            self.journal.coverage.record_run(run.state)
            return serialize.run(run.state, self.style())
        number = run.number
        body = self._bodies[number]
        if body is None:
            self.journal.coverage.record_run(run.state)
            body = self._bodies[number] = serialize.run(run.state, self._style)
        return body

    def peek(self, run: Run) -> bytes:
        """The run as JSON, for somebody who is no client: it covers nothing of the contract."""
        body = None if self.closed else self._bodies[run.number]
        return body or serialize.run(run.state, self.style())

    def steps(self, run: Run) -> bytes:
        """The run's steps as JSON."""
        if self._grows and not run.finished:
            self.journal.coverage.record_steps(run.state)
            return serialize.steps(run.state, self.style())
        body = self._steps.get(run.number)
        if body is None:
            self.journal.coverage.record_steps(run.state)
            body = self._steps[run.number] = serialize.steps(run.state, self._style)
        return body

    def style(self) -> serialize.Style:
        """How runs and steps are shown at this moment."""
        if self._grows:
            return replace(self._style, until=self.engine.now)
        return self._style

    # Changing.

    def create(self, scenario: Scenario) -> Run:
        """A new run of ``scenario``. Raises HttpError (409) when the world is full."""
        run = self._create(scenario)
        self.wakeup.arm()
        return run

    def cancel(self, run: Run) -> Run:
        """Stop the run. Raises HttpError."""
        run = self.engine.cancel(run)
        self.wakeup.arm()
        return run

    def retry(self, run: Run, mode: RetryMode, step_key: str | None) -> Run:
        """Run again what ``mode`` says. Raises HttpError or RequestValidationError."""
        run = self.engine.retry(run, mode, step_key, lambda: self._new_identity(run.scenario))
        self.wakeup.arm()
        return run

    def act_on_engine(self, act: Callable[[Engine], object]) -> None:
        """Let ``act`` do something to the engine. Raises what it raises."""
        act(self.engine)
        self.wakeup.arm()

    def arrive(self, arrivals: Arrivals | None) -> None:
        """From now on runs arrive by themselves, or no longer do."""
        self.arrivals = arrivals
        self.wakeup.arm()

    # Following.

    @property
    def has_subscribers(self) -> bool:
        """Whether anybody follows a run of this world."""
        return bool(self._readers)

    def follow(self, run: Run, wake: Callable[[], None]) -> Callable[[], None]:
        """Have ``wake`` called after each event of ``run``; returns what ends that."""
        readers = self._readers.setdefault(run.id, set())
        readers.add(wake)

        def leave() -> None:
            readers.discard(wake)
            if not readers and self._readers.get(run.id) is readers:
                del self._readers[run.id]
            if not self._readers:
                self.wakeup.arm()  # For nobody: what was set is called off.

        return leave

    def close(self) -> None:
        """End every event stream; the world is gone."""
        self.closed = True
        self.faults.close()
        for readers in list(self._readers.values()):
            for wake in list(readers):
                wake()

    def dispose(self) -> Work[None]:
        """Let go of the runs of a closed world, little by little: freeing many takes a while."""
        runs, self._runs = self._runs, []
        many = len(runs) >= _MANY
        self._bodies, self._steps, self._by_id = [], {}, {}
        self._by_status = {status: [] for status in RunStatus}
        self.engine.schedule, self.arrivals = Schedule(), None
        while runs:
            del runs[-100:]
            yield
        if many:
            gc.unfreeze()  # What long work has put aside; without these runs it is little.

    def _create(self, scenario: Scenario) -> Run:
        identity, rng = self._new_identity(scenario)
        return self.engine.create(identity, scenario, rng)

    def take_up(
        self,
        run_id: str,
        scenario: Scenario,
        log: list[Event],
        earlier: list[int] | None,
        kept: dict[int, Json],
    ) -> Run:
        """Have a run that was written down, as it was after ``log``.

        Raises IllegalTransitionError."""
        identity = self._identity(run_id, scenario, log[0].at)
        run = Run(identity, scenario, SeededRandom(self.seed, run_id), earlier, kept)
        run.take_up(log)
        self._changed(run, None)
        return run

    def _new_identity(self, scenario: Scenario) -> tuple[Identity, SeededRandom]:
        if len(self._runs) >= MAX_RUNS:
            raise HttpError(
                409, f"The world {self.name!r} holds {MAX_RUNS} runs, the most it may: reset it."
            )
        run_id = SeededRandom(self.seed, self.origin, len(self._runs) + self.omitted_runs).uuid()
        identity = self._identity(run_id, scenario, self.engine.now)
        return identity, SeededRandom(self.seed, run_id)

    def _identity(self, run_id: str, scenario: Scenario, created: int) -> Identity:
        automation = scenario.automation
        trigger = scenario.trigger
        return Identity(
            id=run_id,
            number=len(self._runs),
            tenant_id=self.tenant_id,
            automation_id=stable_id("automation", automation.name),
            automation_version_id=stable_id("automation", automation.name, str(automation.version)),
            version_number=automation.version,
            orchestrator_type=automation.orchestrator,
            trigger_type=trigger.type,
            trigger_source_type=trigger.source,
            trigger_source_id=stable_id(trigger.source, self.origin, automation.name),
            concurrency_key=scenario.concurrency_key,
            created=created,
            steps=scenario.plans,
        )

    def _clear_rendered(self) -> None:
        self._bodies = [None] * len(self._runs)
        self._steps.clear()

    def _changed(self, run: Run, before: RunStatus | None) -> None:
        number = run.number
        status = run.state.status
        if before is None:
            self._runs.append(run)
            self._bodies.append(None)
            self._by_id[run.id] = run
            self._by_status[status].append(number)
        elif status is not before:
            numbers = self._by_status[before]
            del numbers[bisect_left(numbers, number)]
            insort(self._by_status[status], number)
        self._bodies[number] = None
        self._steps.pop(number, None)
        if self._readers:
            for wake in self._readers.get(run.id, ()):
                wake()
