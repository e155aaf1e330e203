"""A world: one tenant's runs, the engine that changes them, its clock and its seed.

Before each request, a world catches up with its clock. Reading changes nothing.
"""

from __future__ import annotations

import gc
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mock_server.engine.behaviour import (
    Behaviour,
    EmptyFields,
    ListOrder,
    RunningDuration,
)
from mock_server.engine.clock import Clock, to_text
from mock_server.engine.enums import FINISHED, RetryMode, RunStatus
from mock_server.engine.fake_data import FakeData
from mock_server.engine.lifecycle import Engine
from mock_server.engine.randomness import SeededRandom, stable_id
from mock_server.engine.run import Run
from mock_server.engine.run_state import Event, Identity, Json
from mock_server.engine.scenario import Scenario
from mock_server.errors import HttpError
from mock_server.faults.active_rules import Faults
from mock_server.journal.coverage import Coverage
from mock_server.journal.journal import Journal
from mock_server.worlds import serialize
from mock_server.worlds.arrivals import Arrivals
from mock_server.worlds.cooperative import Work
from mock_server.worlds.identity import new_identity
from mock_server.worlds.recent_runs import RecentRuns
from mock_server.worlds.wakeup import Wakeup

if TYPE_CHECKING:
    from mock_server.worlds.observer import WorldObserver
    from mock_server.worlds.rendered_events import SharedReplay

MAX_RUNS = 200_000
MAX_WORLD_STEPS = 2_000_000
"""The steps of all runs of a world."""

MAX_WORLD_EVENTS = 5_000_000
"""The events of all runs of a world, from which on no run is created or retried."""

MANY = 1_000
"""From so many runs on, a world slows the garbage collector down."""

EVENT_BATCH = 256
"""Events that happen before other tasks get a turn."""


class World:
    """The runs of one tenant in time."""

    def __init__(
        self,
        name: str,
        seed: int,
        clock: Clock,
        behaviour: Behaviour,
        fake_data: FakeData,
        *,
        history_length: int = 0,
        origin: str | None = None,
    ) -> None:
        """Create an empty world.

        Its history begins ``history_length`` milliseconds before the clock's now. ``origin`` is
        the name under which its ids were first drawn, for a world restored from another one.
        """
        self.name = name
        self.origin = origin or name
        self.seed = seed
        self.clock = clock
        self.journal = Journal()
        self.tenant_id = stable_id("tenant", self.origin)
        self.engine = Engine(
            max(clock.now() - history_length, 0), behaviour, fake_data, self._changed
        )
        self._runs: list[Run] = []  # In order of creation.
        self._step_count = 0
        self.omitted_runs = 0  # Runs that the snapshot it was restored from does not have.
        self._by_id: dict[str, Run] = {}
        self._by_status: dict[RunStatus, list[int]] = {status: [] for status in RunStatus}
        self._bodies: list[bytes | None] = []  # The JSON of each run, by its number.
        self._steps: dict[int, bytes] = {}
        self._recent = RecentRuns(self.engine.pack)
        self._subscribers: dict[str, set[Callable[[], None]]] = {}
        self.replays: dict[str, SharedReplay] = {}  # By run id, while it has subscribers.
        self.observers: tuple[WorldObserver, ...] = ()
        self.wakeup = Wakeup(self)
        self.closed = False
        self.faults = Faults(seed, self.origin)
        self.arrivals: Arrivals | None = None
        self.set_behaviour(behaviour)

    def __len__(self) -> int:
        return len(self._runs)

    def set_behaviour(self, behaviour: Behaviour) -> None:
        """From now on behave as ``behaviour`` says where the contract is silent."""
        self.behaviour = self.engine.behaviour = behaviour
        self._style = serialize.Style(leave_out=behaviour.empty_fields is EmptyFields.ABSENT)
        self._grows = behaviour.running_duration is RunningDuration.GROWS
        self._clear_rendered()
        for observer in self.observers:
            observer.replaced(self)

    def clear_coverage(self) -> None:
        """Clear the coverage of the contract."""
        self.journal.coverage = Coverage()
        self._clear_rendered()  # Coverage counts when something is rendered.

    # Time.

    def catch_up(self) -> bool:
        """Let events happen that are due by now, at most a few hundred; return whether that is
        all."""
        return self.catch_up_to(self.clock.now())

    def catch_up_to(self, now: int) -> bool:
        """Let events happen that are due by ``now``, ``EVENT_BATCH`` or a few more; return whether
        that is all."""
        max_events = self.engine.event_count + EVENT_BATCH
        while self.arrivals is not None and self.arrivals.next_at <= now:
            if not self.engine.catch_up(self.arrivals.next_at, max_events):
                return False
            try:
                self._create(self.arrivals.take())
            except HttpError:  # The world is full.
                self.arrivals = None
        return self.engine.catch_up(now, max_events)

    @property
    def next_due(self) -> int | None:
        """The instant of the next scheduled event."""
        due = self.engine.next_due
        if self.arrivals is None:
            return due
        return self.arrivals.next_at if due is None else min(due, self.arrivals.next_at)

    def change_clock(self, change: Callable[[Clock], None]) -> Work[None]:
        """Let ``change`` freeze, resume, rescale or advance the clock, and let what becomes due
        happen. Raise HttpError (409) where the world is closed meanwhile."""
        change(self.clock)
        for observer in self.observers:
            observer.clock_changed()
        now = self.clock.now()
        while not self.catch_up_to(now):
            yield
            if self.closed:
                raise HttpError(409, f"The world {self.name!r} was closed meanwhile.")
        self.wakeup.arm()
        yield

    def show_clock(self) -> Json:
        """Return the clock as in the control API."""
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
        """Return every run, in order of creation."""
        return iter(self._runs)

    def find(self, run_id: str) -> Run | None:
        """Return the run with that id; None for an unknown one."""
        return self._by_id.get(run_id)

    def counts(self) -> dict[RunStatus, int]:
        """Count the runs in each status."""
        return {status: len(numbers) for status, numbers in self._by_status.items()}

    def page(self, status: RunStatus | None, limit: int, offset: int) -> bytes:
        """Return a page of runs as JSON, with the number of runs on all pages."""
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
        """Return the run as JSON, which is rendered once after each change."""
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
        """Return the run as JSON without counting it for coverage."""
        body = None if self.closed else self._bodies[run.number]
        return body or serialize.run(run.state, self.style())

    def steps(self, run: Run) -> bytes:
        """Return the run's steps as JSON."""
        if self._grows and not run.finished:
            self.journal.coverage.record_steps(run.state)
            return serialize.steps(run.state, self.style())
        body = self._steps.get(run.number)
        if body is None:
            state = run.state.unpacked()
            self.journal.coverage.record_steps(state)
            body = self._steps[run.number] = serialize.steps(state, self._style)
        return body

    def style(self) -> serialize.Style:
        """Return how runs and steps are rendered at this moment."""
        if self._grows:
            return replace(self._style, until=self.engine.now)
        return self._style

    # Changing.

    def create(self, scenario: Scenario, run_id: str | None = None) -> Run:
        """Create a run of ``scenario``, with this id or with one from the seed. Raise HttpError
        (409) when the world is full."""
        run = self._create(scenario, run_id)
        self.wakeup.arm()
        return run

    def cancel(self, run: Run) -> Run:
        """Cancel the run. Raise HttpError."""
        run = self.engine.cancel(run)
        self.wakeup.arm()
        return run

    def retry(self, run: Run, mode: RetryMode, step_key: str | None) -> Run:
        """Retry the run; return the run that runs. Raise HttpError or RequestValidationError."""
        self._check_room(0, 0)
        try:
            retried = self.engine.retry(
                run, mode, step_key, lambda: self._new_identity(run.scenario)
            )
        finally:
            if run.finished:  # It was unpacked for nothing.
                self._recent.add(run)
        self.wakeup.arm()
        return retried

    def change_run(self, act: Callable[[Engine], object]) -> None:
        """Call ``act`` with the engine. Raise what it raises."""
        act(self.engine)
        self.wakeup.arm()

    def set_arrivals(self, arrivals: Arrivals | None) -> None:
        """Let runs arrive by themselves, or no longer."""
        self.arrivals = arrivals
        for observer in self.observers:
            observer.clock_changed()  # Another event is due next.
        self.wakeup.arm()

    # Subscribing.

    @property
    def has_subscribers(self) -> bool:
        """Whether any run has a subscriber, or the world a live observer."""
        return bool(self._subscribers) or any(one.live for one in self.observers)

    def subscribe(self, run: Run, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` after each event of ``run``; return a function that ends the
        subscription."""
        subscribers = self._subscribers.setdefault(run.id, set())
        subscribers.add(wake)

        def unsubscribe() -> None:
            subscribers.discard(wake)
            if not subscribers and self._subscribers.get(run.id) is subscribers:
                del self._subscribers[run.id]
                self.replays.pop(run.id, None)
            if not self.has_subscribers:
                self.wakeup.arm()  # Cancels the timer.

        return unsubscribe

    def close(self) -> None:
        """End every event stream, because the world is replaced or the server stops."""
        self.closed = True
        self.faults.close()
        for subscribers in list(self._subscribers.values()):
            for wake in list(subscribers):
                wake()

    def dispose(self) -> Work[None]:
        """Free the runs of a closed world in small steps, because freeing many takes a while."""
        runs, self._runs = self._runs, []
        many = len(runs) >= MANY
        self._bodies, self._steps, self._by_id = [], {}, {}
        self._by_status = {status: [] for status in RunStatus}
        self.arrivals, self.observers, self.faults.observers = None, (), ()
        # Without circles of references, all memory is freed at once, also while Python's garbage
        # collector skips what long work has created.
        self._recent.close()
        self.engine.close()
        self.wakeup.close()
        self.journal.close()
        self.replays.clear()
        while runs:
            del runs[-100:]
            yield
        if many:
            gc.unfreeze()  # What long work has frozen; without these runs it is little.

    def _create(self, scenario: Scenario, run_id: str | None = None) -> Run:
        identity, rng = self._new_identity(scenario, run_id)
        return self.engine.create(identity, scenario, rng)

    def restore_run(
        self,
        run_id: str,
        scenario: Scenario,
        log: list[Event],
        earlier: list[int] | None,
        kept: dict[int, Json],
    ) -> Work[Run]:
        """Add a run as it was after ``log``. Raise IllegalTransitionError."""
        identity = new_identity(self, run_id, scenario, log[0].at)
        run = Run(identity, scenario, SeededRandom(self.seed, run_id), earlier, kept)
        for start in range(0, len(log), EVENT_BATCH):
            run.restore(log[start : start + EVENT_BATCH])
            yield
        run.settle()
        self.engine.event_count += len(log)
        self._changed(run, None)
        return run

    def _new_identity(
        self, scenario: Scenario, run_id: str | None = None
    ) -> tuple[Identity, SeededRandom]:
        self._check_room(1, len(scenario.plans))
        if run_id is None:
            number = len(self._runs) + self.omitted_runs
            run_id = SeededRandom(self.seed, self.origin, number).uuid()
        identity = new_identity(self, run_id, scenario, self.engine.now)
        return identity, SeededRandom(self.seed, run_id)

    def _check_room(self, runs: int, steps: int) -> None:
        """Raise HttpError (409) where the world is full."""
        for count, maximum, unit in (
            (len(self._runs) + runs, MAX_RUNS, "runs"),
            (self._step_count + steps, MAX_WORLD_STEPS, "steps"),
            (self.engine.event_count, MAX_WORLD_EVENTS, "events"),
        ):
            if count > maximum:
                raise HttpError(
                    409, f"The world {self.name!r} holds {maximum} {unit}, the maximum: reset it."
                )

    def _clear_rendered(self) -> None:
        self._bodies = [None] * len(self._runs)
        self._steps.clear()
        self.replays.clear()

    def _changed(self, run: Run, before: RunStatus | None) -> None:
        number = run.number
        status = run.state.status
        if before is None:
            self._runs.append(run)
            self._step_count += len(run.scenario.plans)
            self._bodies.append(None)
            self._by_id[run.id] = run
            self._by_status[status].append(number)
        elif status is not before:
            numbers = self._by_status[before]
            del numbers[bisect_left(numbers, number)]
            insort(self._by_status[status], number)
        self._bodies[number] = None
        self._steps.pop(number, None)
        if status is not before and status in FINISHED:
            self._recent.add(run)
        if self.observers:
            for observer in self.observers:
                observer.run_changed(run)
        if self._subscribers:
            for wake in self._subscribers.get(run.id, ()):
                wake()
