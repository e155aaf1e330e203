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
from mock_server.engine.json_value import MAX_ERROR_SIZE, MAX_RESULT_SIZE, check_json
from mock_server.engine.randomness import SeededRandom
from mock_server.engine.run import BUSY_STEP, Run
from mock_server.engine.run_state import Event, Json
from mock_server.engine.scenario import Scenario, build, measure
from mock_server.engine.schedule import ScheduledKind
from mock_server.engine.status_transitions import IllegalTransitionError
from mock_server.errors import ErrorDetail, FileError, RequestValidationError
from mock_server.worlds.arrivals import Arrivals
from mock_server.worlds.cooperative import Work
from mock_server.worlds.document import (
    EVENT_ROW,
    IMPORT,
    SCHEDULED_ROW,
    VERSION,
    Document,
    EventRow,
    Limits,
    RunFile,
    ScenarioEntry,
    TooMuchError,
    Totals,
)
from mock_server.worlds.world import EVENT_BATCH, World
from mock_server.yaml_model import validate_item, validate_request

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


MAX_ID_SIZE = 200
_FACT_SIZES = {"result": MAX_RESULT_SIZE, "error": MAX_ERROR_SIZE}
"""The maximum size of a fact as JSON; of any other fact, ``MAX_ID_SIZE``."""


class Location:
    """The location of a value in a document, for errors."""

    __slots__ = ("_path",)

    def __init__(self, *path: object) -> None:
        self._path = path

    @property
    def path(self) -> tuple[str, ...]:
        """The keys and indexes."""
        return tuple(map(str, self._path))

    def __call__(self, *path: object) -> "Location":
        return Location(*self._path, *path)

    def fail(self, msg: str, kind: str = "value_error") -> NoReturn:
        """Raise RequestValidationError for the value at this location."""
        raise RequestValidationError([ErrorDetail(self.path, f"Value error, {msg}", kind)])


def restore(
    data: Json, name: str, fake_data: FakeData, loc: Sequence[str], limits: Limits = IMPORT
) -> Work[World]:
    """Return the world of the snapshot ``data``, which is at ``loc``, under ``name``.

    Raise RequestValidationError for an invalid document and for one beyond ``limits``.
    """
    location = Location(*loc)
    document = _document(data, location, loc)
    now = document.clock.now
    totals = Totals(limits)
    scenarios = yield from _scenarios(document, totals, location("scenarios"))
    behaviour = from_answers(document.behaviour)
    clock = Clock(now, scale=0)
    clock.rescale(document.clock.scale)
    world = World(name, document.seed, clock, behaviour, fake_data, origin=document.world)
    world.omitted_runs = document.omitted_runs
    try:
        yield from _fill(world, document, scenarios, totals, location)
    except RequestValidationError:
        world.close()
        yield from world.dispose()
        raise
    if not document.clock.frozen:
        clock.resume()
    return world


def _fill(
    world: World,
    document: Document,
    scenarios: list[Scenario],
    totals: Totals,
    location: Location,
) -> Work[None]:
    """Add the runs, the schedule, the arrivals and the faults of the document."""
    now = document.clock.now
    yield from _count_runs(document, scenarios, totals, location("runs"))
    for index, written in enumerate(document.runs):
        entry = location("runs", index)
        run = validate_request(RunFile, written, entry.path)
        yield from _restore_run(world, run, scenarios, now, entry)
        yield
    yield from _restore_schedule(world, document, location("due"))
    if document.arrivals is not None:
        _restore_arrivals(world, document, scenarios, location("arrivals"))
    world.faults.restore(document.faults)


def _document(data: Any, location: Location, loc: Sequence[str]) -> Document:
    version = data.get("version") if isinstance(data, dict) else None
    if type(version) is int and version != VERSION:
        location("version").fail(
            f"this mock reads documents of version {VERSION}, not {version}", "literal_error"
        )
    return validate_request(Document, data, loc)


def _scenarios(document: Document, totals: Totals, location: Location) -> Work[list[Scenario]]:
    """Return the scenarios. All are measured before the first is built."""
    entries: list[ScenarioEntry] = []
    for index, written in enumerate(document.scenarios):
        entry = validate_request(ScenarioEntry, written, location(index).path)
        try:
            size = measure(entry.plays)
            size.check()
            totals.add_scenario(size)
        except ValueError as error:
            location(index, "plays", "steps").fail(str(error))
        entries.append(entry)
        yield
    scenarios = []
    for index, entry in enumerate(entries):
        try:
            scenarios.append(build(entry.name, entry.plays, Path("document"), {}))
        except FileError as error:
            location(index, "plays", error.key).fail(error.problem)
        yield
    return scenarios


def _count_runs(
    document: Document, scenarios: list[Scenario], totals: Totals, location: Location
) -> Work[None]:
    """Count all runs before the first is restored; what is not valid is found then."""
    for index, written in enumerate(document.runs):
        if index % EVENT_BATCH == 0:
            yield
        try:
            totals.add_run(scenarios[written["scenario"]].size, len(written["log"]))
        except TooMuchError as error:
            location(index).fail(str(error))
        except (LookupError, TypeError):
            continue


def _restore_run(
    world: World,
    written: RunFile,
    scenarios: list[Scenario],
    now: int,
    location: Location,
) -> Work[None]:
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
    for index, raw in enumerate(written.log):
        entry = location("log", index)
        row = validate_item(EVENT_ROW, raw, entry.path)
        _check_event(row, index, steps, at, now, entry)
        log.append(Event(index + 1, *row))
        at = row[0]
        if index % EVENT_BATCH == 0:
            yield
    try:
        run = yield from world.restore_run(written.id, scenario, log, earlier, kept)
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
        value = facts[name]
        if not isinstance(value, types):
            location(3, name).fail(f"expected {' or '.join(one.__name__ for one in types)}")
        try:
            check_json(value, _FACT_SIZES.get(name, MAX_ID_SIZE))
        except ValueError as error:
            location(3, name).fail(str(error))


_STEPS_DUE = {ScheduledKind.COMPLETE, ScheduledKind.FAIL}


def _restore_schedule(world: World, document: Document, location: Location) -> Work[None]:
    runs = list(world.runs())
    seen: set[tuple[int, str | int]] = set()
    before = document.clock.now
    for index, raw in enumerate(document.due):
        entry = location(index)
        at, number, kind, step = validate_item(SCHEDULED_ROW, raw, entry.path)
        if index % EVENT_BATCH == 0:
            yield
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
