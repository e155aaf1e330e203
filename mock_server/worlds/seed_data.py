"""What a new world opens with: runs of the past days, and a few that are not finished.

The engine runs through the past, from the first run to now, so these runs have the same properties
as any other.
"""

import heapq
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from typing import Annotated

from pydantic import Field

from mock_server import yaml_model
from mock_server.engine.clock import DAY, HOUR, MINUTE, SECOND
from mock_server.engine.enums import RetryMode, RunStatus
from mock_server.engine.randomness import UUID_PATTERN, SeededRandom
from mock_server.engine.run import Run
from mock_server.engine.scenario import Scenario
from mock_server.errors import FileError, unknown_name
from mock_server.gc_tuning import paused_gc
from mock_server.worlds.cooperative import Work
from mock_server.worlds.document import Weight
from mock_server.worlds.past_requests import (
    MAX_REQUESTS,
    Duration,
    RequestFile,
    carry_out,
    is_early,
)
from mock_server.worlds.world import MANY, World

Share = Annotated[float, Field(ge=0, le=1)]


class HistoryFile(yaml_model.Model):
    """Runs of the past: their number, the duration, the scenarios (name to weight), the share of
    cancelled runs, and the share of failed runs that were retried."""

    runs: int = Field(default=0, ge=0, le=100_000)
    over: Duration = 4 * DAY
    scenarios: dict[str, Weight] = Field(default={})
    cancelled: Share = 0.0
    retried: Share = 0.0


class LiveFile(yaml_model.Model):
    """A run that was created some time ago; ``id`` is its id where the seed does not choose it,
    ``then`` what was done to it since."""

    scenario: str
    since: Duration = 0
    id: str | None = Field(default=None, pattern=UUID_PATTERN)
    then: list[RequestFile] = Field(default=[], max_length=MAX_REQUESTS)


class WorldFile(yaml_model.Model):
    """What a world opens with, in a file."""

    summary: str
    history: HistoryFile = HistoryFile()
    live: list[LiveFile] = Field(default=[])

    @property
    def history_length(self) -> int:
        """The age of the oldest run in milliseconds."""
        return max([0, int(self.history.over), *(int(live.since) for live in self.live)])


def read(path: Path, scenarios: dict[str, Scenario]) -> WorldFile:
    """Return the start in ``path``. Raise FileError, also for an unknown scenario."""
    file, lines = yaml_model.load(path, WorldFile)
    if file.history.runs and not file.history.scenarios:
        line = lines.get(("history", "runs"))
        raise FileError(path, line, "history.scenarios", "is missing: which scenarios were run?")
    places: list[tuple[tuple[str | int, ...], str]] = [
        *((("history", "scenarios", name), name) for name in file.history.scenarios),
        *((("live", i, "scenario"), live.scenario) for i, live in enumerate(file.live)),
    ]
    for place, name in places:
        if name not in scenarios:
            problem = f"unknown scenario {name!r}: expected one of {', '.join(scenarios)}"
            raise FileError(path, lines.get(place), "scenario", problem)
    for i, live in enumerate(file.live):
        steps = {None, *scenarios[live.scenario].indexes}
        for j, request in enumerate(live.then):
            line = lines.get(("live", i, "then", j))
            if request.after > live.since:
                raise FileError(path, line, "after", "is later than now: make since longer")
            if request.step not in steps:
                problem = unknown_name("step", request.step or "", scenarios[live.scenario].indexes)
                raise FileError(path, line, "step", problem)
    return file


def populate(
    world: World,
    start: WorldFile,
    scenarios: dict[str, Scenario],
    runs: int | None = None,
    live: int | None = None,
) -> Work[None]:
    """Let the past happen in ``world``, whose engine is ``start.history_length`` before its clock.

    ``runs`` is the number of past runs and ``live`` of unfinished ones; None for what the start
    says.
    """
    past_runs = start.history.runs if runs is None else runs if start.history.scenarios else 0
    world.engine.defers = past_runs >= MANY
    with paused_gc() if world.engine.defers else nullcontext():
        yield from _populate(world, start, scenarios, past_runs, live)


def _populate(
    world: World,
    start: WorldFile,
    scenarios: dict[str, Scenario],
    past_runs: int,
    live: int | None,
) -> Work[None]:
    now = world.clock.now()
    rng = SeededRandom(world.seed, world.origin, "history")
    history = start.history
    names, weights = list(history.scenarios), list(history.scenarios.values())
    order = count()
    # Each acts at its instant, and may return a later one at which it wants to act once more.
    schedule: list[tuple[int, int, Callable[[int], int | None]]] = []

    def plan(at: int, act: Callable[[int], int | None]) -> None:
        heapq.heappush(schedule, (at, next(order), act))

    def past(at: int) -> None:
        n = len(world)
        run = world.create(scenarios[rng.one_of(names, weights, n, "scenario")])
        if rng.happens(history.cancelled, n, "cancelled"):
            after = rng.between(0, 20 * SECOND, n, "cancel after")
            plan(at + after, lambda _: _cancel(world, run))
        if rng.happens(history.retried, n, "retried"):
            after = rng.between(5 * MINUTE, 2 * HOUR, n, "retry after")
            plan(at + after, lambda _: _retry(world, run))

    def under_way(made: LiveFile, at: int) -> None:
        run = world.create(scenarios[made.scenario], made.id)
        for request in made.then:
            plan(at + request.after, partial(change, run, request))

    def change(run: Run, request: RequestFile, _: int) -> int | None:
        # The steps of another run of the scenario may have been quicker.
        if is_early(request, run) and (due := world.engine.next_due) is not None:
            return due
        carry_out(request, world, run)
        return None

    for n in range(past_runs):
        plan(now - rng.between(0, history.over, n, "since"), past)
    for made in start.live[:live]:
        plan(now - made.since, partial(under_way, made))
    while schedule and schedule[0][0] <= now:
        at, _, act = heapq.heappop(schedule)
        world.engine.catch_up(at)
        if (again := act(at)) is not None:
            plan(again, act)
        yield
    while not world.catch_up():
        yield
    if world.engine.defers:
        for run in world.runs():
            if not run.packed:
                world.engine.unpack(run)
                yield
        world.engine.defers = False


def _cancel(world: World, run: Run) -> None:
    """Cancel the run if it is not finished."""
    if not run.finished:
        world.cancel(run)


def _retry(world: World, run: Run) -> None:
    """Retry the run if it has failed."""
    if run.state.status is RunStatus.FAILED:
        world.retry(run, RetryMode.FROM_FAILED, None)
