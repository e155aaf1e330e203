"""A world from the JSON document that ``snapshot`` writes: everything in it is checked before there
is a world, so that one that could not go on is refused with the place where it is wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from mock_server.engine.behaviour import QUESTIONS, Behaviour
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

M = TypeVar("M", bound=BaseModel)

_MAX_ERRORS = 20

_FACTS: dict[EventType, dict[str, tuple[type, ...]]] = {
    EventType.RUN_STARTED: {"externalJobId": (str,)},
    EventType.RUN_FAILED: {"error": (dict,)},
    EventType.STEP_STARTED: {"actionRunId": (str,)},
    EventType.STEP_AWAITING_APPROVAL: {"decisionId": (str,)},
    EventType.STEP_APPROVED: {"actionRunId": (str,)},
    EventType.STEP_COMPLETED: {"result": (dict, type(None)), "truncated": (bool,)},
    EventType.STEP_FAILED: {"error": (dict,)},
}
"""What comes with an event; nothing comes with any other."""


class Location:
    """Where in a document something stands, so that what is wrong with it can be told."""

    __slots__ = ("_path",)

    def __init__(self, *path: object) -> None:
        self._path = path

    def __call__(self, *path: object) -> "Location":
        return Location(*self._path, *path)

    def wrong(self, msg: str, kind: str = "value_error") -> NoReturn:
        """Raises RequestValidationError."""
        raise RequestValidationError(
            [ErrorDetail(tuple(map(str, self._path)), f"Value error, {msg}", kind)]
        )


def restore(data: Json, name: str, words: FakeData, loc: Sequence[str]) -> Work[World]:
    """The world written down in ``data``, which stands at ``loc``, as the world ``name``.

    Raises RequestValidationError."""
    here = Location(*loc)
    document = _document(data, here, loc)
    now = document.clock.now
    scenarios = [
        _scenario(played, here("scenarios", index, "plays"))
        for index, played in enumerate(document.scenarios)
    ]
    answers = {decision: getattr(document.behaviour, q) for q, decision in QUESTIONS.items()}
    clock = Clock(now, scale=0)
    clock.rescale(document.clock.scale)
    world = World(name, document.seed, clock, Behaviour(**answers), words, origin=document.world)
    world.omitted_runs = document.omitted_runs
    for index, written in enumerate(document.runs):
        run = _checked(RunFile, written, (*loc, "runs", str(index)))
        _take_up(world, run, scenarios, now, here("runs", index))
        yield
    _plan(world, document, here("due"))
    if document.arrivals is not None:
        _arrive(world, document, scenarios, here("arrivals"))
    world.faults.take_up(document.faults)
    if not document.clock.frozen:
        clock.resume()
    return world


def _document(data: Any, here: Location, loc: Sequence[str]) -> Document:
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version != VERSION:
        here("version").wrong(
            f"this mock reads documents of version {VERSION}, not {version}", "literal_error"
        )
    return _checked(Document, data, loc)


def _checked(model: type[M], data: Any, loc: Sequence[str]) -> M:
    """``data``, which stands at ``loc``, as a ``model``. Raises RequestValidationError."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False)[:_MAX_ERRORS]
        raise RequestValidationError(
            [
                # pydantic would name a class of ours.
                ErrorDetail(
                    (*loc, *map(str, fault["loc"])), "Input should be an object", "dict_type"
                )
                if fault["type"] == "model_type"
                else ErrorDetail((*loc, *map(str, fault["loc"])), fault["msg"], fault["type"])
                for fault in faults
            ]
        ) from None


def _scenario(played: ScenarioEntry, here: Location) -> Scenario:
    try:
        return build(played.name, played.plays, Path("document"), {})
    except FileError as error:
        here(error.key).wrong(error.problem)


def _take_up(
    world: World, written: RunFile, scenarios: list[Scenario], now: int, here: Location
) -> None:
    if written.scenario >= len(scenarios):
        here("scenario").wrong(f"there is no scenario {written.scenario}")
    scenario = scenarios[written.scenario]
    if world.find(written.id) is not None:
        here("id").wrong("another run has that id")
    steps = len(scenario.plans)
    earlier: list[int] | None = None
    kept: dict[int, Json] = {}
    if written.continues is not None:
        earlier = written.continues.attempts
        kept = {int(index): one.model_dump() for index, one in written.continues.kept.items()}
        if len(earlier) != steps:
            here("continues", "attempts").wrong(f"the scenario has {steps} steps")
        if any(index >= steps for index in kept):
            here("continues", "kept").wrong(f"the scenario has {steps} steps, counted from 0")
    log: list[Event] = []
    at = 0
    for index, row in enumerate(written.log):
        _check_event(row, index, steps, at, now, here("log", index))
        log.append(Event(index + 1, *row))
        at = row[0]
    try:
        run = world.take_up(written.id, scenario, log, earlier, kept)
    except IllegalTransitionError as error:
        here("log").wrong(f"cannot have happened: {error}")
    if run.busy and run.state.status is not RunStatus.RUNNING:
        here("log").wrong(f"the run is {run.state.status}, and steps of it are at work")


def _check_event(
    row: EventRow, index: int, steps: int, after: int, now: int, here: Location
) -> None:
    at, type_, step, facts = row
    if not after <= at <= now:
        here(0).wrong("events are in order of time, and none is later than the clock")
    if (type_ is EventType.RUN_CREATED) != (index == 0):
        here(1).wrong("a log begins with run.created, which happens once")
    if (step is not None) != type_.startswith("step.") or (step is not None and step >= steps):
        here(2).wrong(
            f"a step's event names one of the {steps} steps, counted from 0; a run's none"
        )
    expected = _FACTS.get(type_, {})
    if facts.keys() != expected.keys():
        here(3).wrong(f"with {type_} comes {', '.join(expected) or 'nothing'}")
    for name, types in expected.items():
        if not isinstance(facts[name], types):
            here(3, name).wrong(f"is no {' or '.join(one.__name__ for one in types)}")


_STEPS_DUE = {ScheduledKind.COMPLETE, ScheduledKind.FAIL}


def _plan(world: World, document: Document, here: Location) -> None:
    runs = list(world.runs())
    planned: set[tuple[int, str | int]] = set()
    before = document.clock.now
    for index, (at, number, kind, step) in enumerate(document.due):
        place = here(index)
        if at < before:
            place(0).wrong("what is due is in order of time, and not before the clock")
        before = at
        if number >= len(runs):
            place(1).wrong(f"there is no run {number}")
        run = runs[number]
        if (step is None) == (kind in _STEPS_DUE):
            place(3).wrong("complete and fail happen to a step, start and cancel to none")
        if not _can_happen(run, kind, step):
            place(2).wrong(f"{kind} cannot happen to run {number} as its log leaves it")
        what = (number, kind if step is None else step)
        if what in planned:
            place.wrong("is there twice")
        planned.add(what)
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


def _arrive(world: World, document: Document, scenarios: list[Scenario], here: Location) -> None:
    written = document.arrivals
    if written is None:
        return
    if written.next_at < document.clock.now:
        here("nextAt").wrong("is before the clock")
    for index, (one, _) in enumerate(written.mix):
        if one >= len(scenarios):
            here("mix", index, 0).wrong(f"there is no scenario {one}")
    mix = [(scenarios[one], weight) for one, weight in written.mix]
    rng = SeededRandom(world.seed, world.origin, "arrivals")
    now = document.clock.now
    world.arrivals = Arrivals(written.per_minute, mix, rng, now, written.next_at)
