"""A world as one JSON document, and a world from one.

Written down is what a world's story cannot do without: seed, clock, behaviour, faults, the
scenarios that are played, each run's log, and what is due. All else is worked out again from the
logs, so the same world always gives the same bytes, and goes on as it would have.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, Field, StringConstraints

from mock_server import yaml_model
from mock_server.engine import scenario
from mock_server.engine.behaviour import Answers
from mock_server.engine.clock import LATEST, from_text, to_text
from mock_server.engine.duration import MAX_DURATION
from mock_server.engine.enums import EventType
from mock_server.engine.randomness import MAX_SEED, UUID_PATTERN
from mock_server.engine.run import Run
from mock_server.engine.run_state import Json
from mock_server.engine.scenario import Scenario, ScenarioFile
from mock_server.engine.schedule import ScheduledKind
from mock_server.errors import HttpError
from mock_server.faults.active_rules import FaultsFile
from mock_server.worlds.cooperative import Work
from mock_server.worlds.world import MAX_RUNS, World

FORMAT = "automation-runs-mock/world"
VERSION = 1
MAX_SIZE = 64 * 1_048_576
"""Bytes of the largest document."""


def _instant(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("write a date and time such as 2026-03-02T08:15:00.000Z")
    return from_text(value)


Index = Annotated[int, Field(strict=True, ge=0)]
Instant = Annotated[int, Field(strict=True, ge=0, le=LATEST)]
FutureInstant = Annotated[int, Field(strict=True, ge=0, le=LATEST + MAX_DURATION)]
InstantText = Annotated[int, BeforeValidator(_instant)]
Weight = Annotated[float, Field(strict=False, gt=0, allow_inf_nan=False)]
Uuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
WorldName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]

EventRow = Annotated[
    tuple[Instant, Annotated[EventType, Field(strict=False)], Index | None, Json],
    Field(strict=False),
]
"""When it happened, what, to which step, and what came with it."""

ScheduledRow = Annotated[
    tuple[FutureInstant, Index, Annotated[ScheduledKind, Field(strict=False)], Index | None],
    Field(strict=False),
]
"""When it will happen, to which run, what, and to which of its steps."""


class ClockFile(yaml_model.Model):
    """A world's time."""

    now: InstantText
    frozen: bool
    scale: Annotated[float, Field(strict=False, ge=0.001, le=100_000)]


class ScenarioEntry(yaml_model.Model):
    """A scenario that runs play: its name, and the scenario as a file would hold it."""

    name: str
    plays: ScenarioFile


class KeptFile(yaml_model.Model):
    """What a step gave in the earlier run that a retry continued."""

    result: Json | None
    truncated: bool


class ContinuesFile(yaml_model.Model):
    """What a run took over from an earlier one: how often each step was begun before, and the
    results of steps by their index."""

    attempts: list[Index]
    kept: dict[Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,3})$")], KeptFile]


class RunFile(yaml_model.Model):
    """One run; ``scenario`` is an index of the document's."""

    id: Uuid
    scenario: Index
    continues: ContinuesFile | None
    log: Annotated[list[EventRow], Field(min_length=1)]


class ArrivalsFile(yaml_model.Model):
    """Runs that arrive by themselves, of which scenarios (index, weight), and when the next one."""

    per_minute: Weight = Field(alias="perMinute")
    next_at: FutureInstant = Field(alias="nextAt")
    mix: Annotated[list[Annotated[tuple[Index, Weight], Field(strict=False)]], Field(min_length=1)]


class Document(yaml_model.Model):
    """A world as it is written down. ``leftOut`` is how many runs of the story are not in it. Each
    of the ``runs`` is a ``RunFile``, and is checked by itself when its turn comes."""

    format: Literal["automation-runs-mock/world"]
    version: Literal[1]
    world: WorldName
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]
    clock: ClockFile
    behaviour: Answers
    faults: FaultsFile
    arrivals: ArrivalsFile | None
    scenarios: list[ScenarioEntry]
    omitted_runs: Index = Field(alias="leftOut")
    runs: Annotated[list[Any], Field(max_length=MAX_RUNS)]
    due: list[ScheduledRow]


def write(world: World, only: Sequence[Run] | None = None) -> Work[bytes]:
    """The world as it is at the beginning, with all runs or some of them, in order of creation. It
    must have caught up; it may go on meanwhile.

    Raises HttpError (409) when nobody could read it back."""
    runs = list(world.runs()) if only is None else only
    # Logs are only ever appended to: how long each is now is all there is to hold on to.
    lengths = [len(run.log) for run in runs]
    numbers = {run.number: index for index, run in enumerate(runs)}
    due = [
        [due.at, numbers[due.run.number], due.kind, None if due.step < 0 else due.step]
        for due in world.engine.schedule
        if due.run.number in numbers
    ]
    cast = ScenarioTable()
    head: Json = {
        "format": FORMAT,
        "version": VERSION,
        "world": world.origin,
        "seed": world.seed,
        "clock": {
            "now": to_text(world.engine.now),
            "frozen": world.clock.frozen,
            "scale": float(world.clock.scale),
        },
        "behaviour": world.behaviour.answers(),
        "faults": world.faults.dump(world.engine.now),
        "arrivals": None,
        "scenarios": cast.shown,
        "leftOut": world.omitted_runs + len(world) - len(runs),
    }
    arrivals = world.arrivals
    next_at = 0 if arrivals is None else arrivals.next_at
    written, size = [], 0
    for run, length in zip(runs, lengths, strict=True):
        written.append(orjson.dumps(_run(run, length, cast)))
        size += len(written[-1])
        if size > MAX_SIZE:
            raise _too_large(len(runs))
        yield
    if arrivals is not None:
        head["arrivals"] = {
            "perMinute": float(arrivals.per_minute),
            "nextAt": next_at,
            "mix": [[cast.index(one), float(weight)] for one, weight in arrivals.mix],
        }
    body = b'%b,"runs":[%b],"due":%b}' % (
        orjson.dumps(head)[:-1],
        b",".join(written),
        orjson.dumps(due),
    )
    if len(body) > MAX_SIZE:
        raise _too_large(len(runs))
    return body


def _too_large(runs: int) -> HttpError:
    return HttpError(
        409,
        f"The world's {runs} runs make a document that is too large; the most is {MAX_SIZE} bytes. "
        "Reset the world with fewer runs, or make a link to some of them.",
    )


class ScenarioTable:
    """The scenarios that are played, each once."""

    def __init__(self) -> None:
        self.shown: list[Json] = []
        self._indexes: dict[int, int] = {}
        self._named: dict[str, list[tuple[Scenario, int]]] = {}

    def index(self, played: Scenario) -> int:
        """The place of that scenario, or of an equal one."""
        found = self._indexes.get(id(played))
        if found is None:
            alike = self._named.setdefault(played.name, [])
            found = next((index for one, index in alike if one == played), None)
            if found is None:
                found = len(self.shown)
                self.shown.append({"name": played.name, "plays": scenario.dump(played)})
                alike.append((played, found))
            self._indexes[id(played)] = found
        return found


def _run(run: Run, length: int, cast: ScenarioTable) -> Json:
    """The run as it was when that many events had happened to it."""
    continues = None
    if run.earlier is not None:
        continues = {
            "attempts": run.earlier,
            "kept": {str(index): kept for index, kept in sorted(run.kept.items())},
        }
    return {
        "id": run.id,
        "scenario": cast.index(run.scenario),
        "continues": continues,
        "log": [[event.at, event.type, event.step, event.facts] for event in run.log[:length]],
    }
