"""A world: one tenant's runs, the engine that moves them, its clock and its seed.

Before anything is asked of it, a world catches up to its clock's now. Reading changes nothing.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable

from mock_server import render
from mock_server.behaviour import Behaviour
from mock_server.clock import Clock, to_text
from mock_server.errors import Refused
from mock_server.lifecycle import Engine, Run
from mock_server.run import Identity, Json, RunState
from mock_server.scenario import Scenario
from mock_server.seed import Chance, stable_id
from mock_server.vocabulary import RetryMode, RunStatus
from mock_server.words import Words

MOST_RUNS = 200_000


class World:
    """The runs of one tenant in time."""

    def __init__(
        self,
        name: str,
        seed: int,
        clock: Clock,
        behaviour: Behaviour,
        words: Words,
        *,
        reach: int = 0,
    ) -> None:
        """``reach`` is how far back its story begins, in milliseconds before the clock's now."""
        self.name = name
        self.seed = seed
        self.clock = clock
        self.tenant_id = stable_id("tenant", name)
        self.engine = Engine(max(clock.now() - reach, 0), behaviour, words, self._changed)
        self._runs: list[Run] = []  # in order of creation
        self._by_id: dict[str, Run] = {}
        self._by_status: dict[RunStatus, list[int]] = {status: [] for status in RunStatus}
        self._bodies: dict[str, bytes] = {}
        self._steps: dict[str, bytes] = {}
        self._readers: dict[str, set[Callable[[], None]]] = {}
        self.rescheduled: Callable[[], None] = _nobody
        self.closed = False

    def __len__(self) -> int:
        return len(self._runs)

    # Time.

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        self.engine.catch_up(self.clock.now())

    def turn(self, change: Callable[[Clock], None]) -> None:
        """Let ``change`` freeze, resume, rescale or advance the clock, and whatever becomes due by
        that happen."""
        change(self.clock)
        self.catch_up()
        self.rescheduled()

    def show_clock(self) -> Json:
        """The clock as the control API shows it."""
        due = self.engine.next_due
        return {
            "world": self.name,
            "now": to_text(self.engine.now),
            "frozen": self.clock.frozen,
            "scale": self.clock.scale,
            "nextDueAt": None if due is None else to_text(due),
        }

    # Reading.

    def find(self, run_id: str) -> Run:
        """The run with that id. Raises Refused (404)."""
        run = self._by_id.get(run_id)
        if run is None:
            raise Refused(404, "Run not found")
        return run

    def page(self, status: RunStatus | None, limit: int, offset: int) -> bytes:
        """A page of runs, newest first, and the number of runs on all pages."""
        limit = max(limit, 0)
        if status is None:
            total = len(self._runs)
            last = max(total - offset, 0)
            found: Iterable[Run] = reversed(self._runs[max(last - limit, 0) : last])
        else:
            numbers = self._by_status[status]
            total = len(numbers)
            last = max(total - offset, 0)
            found = (self._runs[n] for n in reversed(numbers[max(last - limit, 0) : last]))
        return render.page(map(self.body, found), total)

    def body(self, run: Run) -> bytes:
        """The run as JSON, rendered when it has changed and not when it is read."""
        body = self._bodies.get(run.id)
        if body is None:
            body = self._bodies[run.id] = render.run(run.state)
        return body

    def steps(self, run: Run) -> bytes:
        """The run's steps as JSON."""
        body = self._steps.get(run.id)
        if body is None:
            body = self._steps[run.id] = render.steps(run.state)
        return body

    # Changing.

    def create(self, scenario: Scenario) -> Run:
        """A new run of ``scenario``. Raises Refused (409) when the world is full."""
        identity, chance = self._identify(scenario)
        run = self.engine.create(identity, scenario, chance)
        self.rescheduled()
        return run

    def cancel(self, run: Run) -> Run:
        """Stop the run. Raises Refused."""
        run = self.engine.cancel(run)
        self.rescheduled()
        return run

    def retry(self, run: Run, mode: RetryMode, step_key: str | None) -> Run:
        """Run again what ``mode`` says. Raises Refused or Invalid."""
        run = self.engine.retry(run, mode, step_key, lambda: self._identify(run.scenario))
        self.rescheduled()
        return run

    # Following.

    @property
    def followed(self) -> bool:
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

        return leave

    def close(self) -> None:
        """End every event stream; the world is gone."""
        self.closed = True
        for readers in list(self._readers.values()):
            for wake in list(readers):
                wake()

    def _identify(self, scenario: Scenario) -> tuple[Identity, Chance]:
        if len(self._runs) >= MOST_RUNS:
            raise Refused(
                409, f"The world {self.name!r} holds {MOST_RUNS} runs, the most it may: reset it."
            )
        number = len(self._runs)
        chance = Chance(self.seed, self.name, number)
        automation = scenario.automation
        trigger = scenario.trigger
        identity = Identity(
            id=chance.uuid(),
            number=number,
            tenant_id=self.tenant_id,
            automation_id=stable_id("automation", automation.name),
            automation_version_id=stable_id("automation", automation.name, str(automation.version)),
            version_number=automation.version,
            orchestrator_type=automation.orchestrator,
            trigger_type=trigger.type,
            trigger_source_type=trigger.source,
            trigger_source_id=stable_id(trigger.source, self.name, automation.name),
            concurrency_key=scenario.concurrency_key,
            created=self.engine.now,
            steps=scenario.plans,
        )
        return identity, chance

    def _changed(self, run: Run, before: RunStatus | None) -> None:
        number = run.state.identity.number
        status = run.state.status
        if before is None:
            self._runs.append(run)
            self._by_id[run.id] = run
            self._by_status[status].append(number)
        elif status is not before:
            numbers = self._by_status[before]
            del numbers[bisect_left(numbers, number)]
            insort(self._by_status[status], number)
        self._bodies.pop(run.id, None)
        self._steps.pop(run.id, None)
        if self._readers:
            for wake in self._readers.get(run.id, ()):
                wake()


class Replay:
    """The frames of one run's event stream, each with the run and step as of its event.

    Folds the log behind a reader's back, so that a state that has gone by can still be shown.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._state = RunState(run.state.identity)
        self._seen = 0

    @property
    def at_end(self) -> bool:
        """Whether every event has been shown."""
        return self._seen == len(self._run.log)

    def frames(self, after: int) -> list[bytes]:
        """The frames of every event since the last call whose ``seq`` is above ``after``."""
        found = []
        for event in self._run.log[self._seen :]:
            self._state.apply(event)
            if event.seq > after:
                found.append(render.frame(event, self._state))
        self._seen = len(self._run.log)
        return found


def _nobody() -> None:
    """Nobody waits for the world's next event."""
