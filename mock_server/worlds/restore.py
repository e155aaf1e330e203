"""A world from the JSON document that ``snapshot`` writes.

The document is checked completely, so that an error names its location and a world that is restored
can go on.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from mock_server.engine.behaviour import from_answers
from mock_server.engine.clock import Clock
from mock_server.engine.enums import EventType, RunStatus, StepStatus
from mock_server.engine.fake_data import FakeData
from mock_server.engine.randomness import SeededRandom
from mock_server.engine.run import BUSY_STEP, Run
from mock_server.engine.run_state import Event, IllegalTransitionError, Json
from mock_server.engine.scenario import Scenario, build
from mock_server.engine.schedule import ScheduledKind
from mock_server.errors import ErrorDetail, FileError, RequestValidationError
from mock_server.worlds.arrivals import Arrivals
from mock_server.worlds.cooperative import Work
from mock_server.worlds.snapshot import VERSION, Document, EventRow, RunFile, ScenarioEntry
from mock_server.worlds.world import World
from mock_server.yaml_model import validate_request

_FACTS: dict[EventType, dict[str, tuple[type, ...]]] = {
    EventType.RUN_STARTED: {"externalJobId": (str,)},
    EventType.RUN_FAILED: {"error": (dict,)},
    EventType.STEP_STARTED: {"actionRunId": (str,)},
    EventType.STEP_AWAITING_APPROVAL: {"decisionId": (str,)},
    EventType.STEP_APPROVED: {"actionRunId": (str,)},
    EventType.STEP_COMPLETED: {"result": (dict, type(None)), "truncated": (bool,)},
    EventType.STEP_FAILED: {"error": (dict,)},
}
"""The facts of each event type; any other has none."""


class Location:
    """The location of a value in a document, for errors."""

    __slots__ = ("_path",)

    def __init__(self, *path: object) -> None:
        self._path = path

    def __call__(self, *path: object) -> "Location":
        return Location(*self._path, *path)

    def fail(self, msg: str, kind: str = "value_error") -> NoReturn:
        """Raise RequestValidationError for the value at this location."""
        raise RequestValidationError(
            [ErrorDetail(tuple(map(str, self._path)), f"Value error, {msg}", kind)]
        )


def restore(data: Json, name: str, fake_data: FakeData, loc: Sequence[str]) -> Work[World]:
    """Return the world of the snapshot ``data``, which is at ``loc``, under ``name``.

    Raise RequestValidationError.
    """
    location = Location(*loc)
    document = _document(data, location, loc)
    now = document.clock.now
    scenarios = [
        _scenario(played, location("scenarios", index, "plays"))
        for index, played in enumerate(document.scenarios)
    ]
    behaviour = from_answers(document.behaviour)
    clock = Clock(now, scale=0)
    clock.rescale(document.clock.scale)
    world = World(name, document.seed, clock, behaviour, fake_data, origin=document.world)
    world.omitted_runs = document.omitted_runs
    for index, written in enumerate(document.runs):
        run = validate_request(RunFile, written, (*loc, "runs", str(index)))
        _restore_run(world, run, scenarios, now, location("runs", index))
        yield
    _restore_schedule(world, document, location("due"))
    if document.arrivals is not None:
        _restore_arrivals(world, document, scenarios, location("arrivals"))
    world.faults.restore(document.faults)
    if not document.clock.frozen:
        clock.resume()
    return world


def _document(data: Any, location: Location, loc: Sequence[str]) -> Document:
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version != VERSION:
        location("version").fail(
            f"this mock reads documents of version {VERSION}, not {version}", "literal_error"
        )
    return validate_request(Document, data, loc)


def _scenario(played: ScenarioEntry, location: Location) -> Scenario:
    try:
        return build(played.name, played.plays, Path("document"), {})
    except FileError as error:
        location(error.key).fail(error.problem)


def _restore_run(
    world: World, written: RunFile, scenarios: list[Scenario], now: int, location: Location
) -> None:
    if written.scenario >= len(scenarios):
        location("scenario").fail(f"unknown scenario {written.scenario}")
    scenario = scenarios[written.scenario]
    if world.find(written.id) is not None:
        location("id").fail("another run has that id")
    steps = len(scenario.plans)
    earlier: list[int] | None = None
    kept: dict[int, Json] = {}
    if written.continues is not None:
        earlier = written.continues.attempts
        kept = {int(index): one.model_dump() for index, one in written.continues.kept.items()}
        if len(earlier) != steps:
            location("continues", "attempts").fail(f"the scenario has {steps} steps")
        if any(index >= steps for index in kept):
            location("continues", "kept").fail(f"the scenario has {steps} steps, counted from 0")
    log: list[Event] = []
    at = 0
    for index, row in enumerate(written.log):
        _check_event(row, index, steps, at, now, location("log", index))
        log.append(Event(index + 1, *row))
        at = row[0]
    try:
        run = world.restore_run(written.id, scenario, log, earlier, kept)
    except IllegalTransitionError as error:
        location("log").fail(f"cannot have happened: {error}")
    if run.busy and run.state.status is not RunStatus.RUNNING:
        location("log").fail(f"the run is {run.state.status}, and some of its steps are running")


def _check_event(
    row: EventRow, index: int, steps: int, after: int, now: int, location: Location
) -> None:
    at, type_, step, facts = row
    if not after <= at <= now:
        location(0).fail("events are in order of time, and none is later than the clock")
    if (type_ is EventType.RUN_CREATED) != (index == 0):
        location(1).fail("a log begins with run.created, which happens once")
    if (step is not None) != type_.startswith("step.") or (step is not None and step >= steps):
        location(2).fail(
            f"a step's event names one of the {steps} steps, counted from 0; a run's none"
        )
    expected = _FACTS.get(type_, {})
    if facts.keys() != expected.keys():
        location(3).fail(f"with {type_} comes {', '.join(expected) or 'nothing'}")
    for name, types in expected.items():
        if not isinstance(facts[name], types):
            location(3, name).fail(f"expected {' or '.join(one.__name__ for one in types)}")


_STEPS_DUE = {ScheduledKind.COMPLETE, ScheduledKind.FAIL}


def _restore_schedule(world: World, document: Document, location: Location) -> None:
    runs = list(world.runs())
    seen: set[tuple[int, str | int]] = set()
    before = document.clock.now
    for index, (at, number, kind, step) in enumerate(document.due):
        entry = location(index)
        if at < before:
            entry(0).fail("what is due is in order of time, and not before the clock")
        before = at
        if number >= len(runs):
            entry(1).fail(f"unknown run {number}")
        run = runs[number]
        if (step is None) == (kind in _STEPS_DUE):
            entry(3).fail("complete and fail happen to a step, start and cancel to none")
        if not _can_happen(run, kind, step):
            entry(2).fail(f"{kind} cannot happen to run {number} as its log leaves it")
        key = (number, kind if step is None else step)
        if key in seen:
            entry.fail("is a duplicate")
        seen.add(key)
        world.engine.schedule.add(at, run, kind, -1 if step is None else step)


def _can_happen(run: Run, kind: ScheduledKind, step: int | None) -> bool:
    match kind:
        case ScheduledKind.START:
            return run.state.status is RunStatus.PENDING
        case ScheduledKind.CANCEL:
            return run.state.cancelling
        case ScheduledKind.COMPLETE | ScheduledKind.FAIL:
            steps = run.state.steps
            return step is not None and step < len(steps) and _at_work(steps[step].status)


def _at_work(status: StepStatus) -> bool:
    return status in BUSY_STEP and status is not StepStatus.AWAITING_APPROVAL


def _restore_arrivals(
    world: World, document: Document, scenarios: list[Scenario], location: Location
) -> None:
    written = document.arrivals
    if written is None:
        return
    if written.next_at < document.clock.now:
        location("nextAt").fail("is before the clock")
    for index, (one, _) in enumerate(written.mix):
        if one >= len(scenarios):
            location("mix", index, 0).fail(f"unknown scenario {one}")
    mix = [(scenarios[one], weight) for one, weight in written.mix]
    rng = SeededRandom(world.seed, world.origin, "arrivals")
    now = document.clock.now
    world.arrivals = Arrivals(written.per_minute, mix, rng, now, written.next_at)
