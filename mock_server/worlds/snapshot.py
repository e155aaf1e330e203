"""A world as one JSON document.

It contains the seed, the clock, the behaviour, the faults, the scenarios of the runs, each run's
log and the scheduled events. Everything else follows from the logs, so the same world always gives
the same bytes, and a restored world goes on as the original would have.
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
"""The maximum size of a document in bytes."""


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
"""The instant, the type, the index of the step and the facts of an event."""

ScheduledRow = Annotated[
    tuple[FutureInstant, Index, Annotated[ScheduledKind, Field(strict=False)], Index | None],
    Field(strict=False),
]
"""The instant, the index of the run, the kind and the index of the step of a scheduled event."""


class ClockFile(yaml_model.Model):
    """The clock of a world."""

    now: InstantText
    frozen: bool
    scale: Annotated[float, Field(strict=False, ge=0.001, le=100_000)]


class ScenarioEntry(yaml_model.Model):
    """A scenario of the runs: its name, and the scenario as in a file."""

    name: str
    plays: ScenarioFile


class KeptFile(yaml_model.Model):
    """The result of a step in the earlier run that a retry continued."""

    result: Json | None
    truncated: bool


class ContinuesFile(yaml_model.Model):
    """What a run has from an earlier one: the attempts of each step, and results of steps by
    index."""

    attempts: list[Index]
    kept: dict[Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,3})$")], KeptFile]


class RunFile(yaml_model.Model):
    """One run; ``scenario`` is an index into the document's scenarios."""

    id: Uuid
    scenario: Index
    continues: ContinuesFile | None
    log: Annotated[list[EventRow], Field(min_length=1)]


class ArrivalsFile(yaml_model.Model):
    """Arrivals: the rate, the scenarios (index, weight), and the instant of the next one."""

    per_minute: Weight = Field(alias="perMinute")
    next_at: FutureInstant = Field(alias="nextAt")
    mix: Annotated[list[Annotated[tuple[Index, Weight], Field(strict=False)]], Field(min_length=1)]


class Document(yaml_model.Model):
    """A world. ``leftOut`` is the number of its runs that are not in the document. Each of the
    ``runs`` is a ``RunFile``, which is validated on its own."""

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
    """Return the document of a world as it is now, with all runs or ``only`` some.

    The runs are in order of creation. The world may go on meanwhile. Raise HttpError (409) for a
    document that is too large to import.
    """
    runs = list(world.runs()) if only is None else only
    # Logs are append-only, so their lengths now are enough to keep this state.
    lengths = [len(run.log) for run in runs]
    numbers = {run.number: index for index, run in enumerate(runs)}
    due = [
        [due.at, numbers[due.run.number], due.kind, None if due.step < 0 else due.step]
        for due in world.engine.schedule
        if due.run.number in numbers
    ]
    table = ScenarioTable()
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
        "scenarios": table.entries,
        "leftOut": world.omitted_runs + len(world) - len(runs),
    }
    arrivals = world.arrivals
    next_at = 0 if arrivals is None else arrivals.next_at
    rendered, size = [], 0
    for run, length in zip(runs, lengths, strict=True):
        rendered.append(orjson.dumps(_run(run, length, table)))
        size += len(rendered[-1])
        if size > MAX_SIZE:
            raise _too_large(len(runs))
        yield
    if arrivals is not None:
        head["arrivals"] = {
            "perMinute": float(arrivals.per_minute),
            "nextAt": next_at,
            "mix": [[table.index(one), float(weight)] for one, weight in arrivals.mix],
        }
    body = b'%b,"runs":[%b],"due":%b}' % (
        orjson.dumps(head)[:-1],
        b",".join(rendered),
        orjson.dumps(due),
    )
    if len(body) > MAX_SIZE:
        raise _too_large(len(runs))
    return body


def _too_large(runs: int) -> HttpError:
    return HttpError(
        409,
        f"The world's {runs} runs make a document that is too large; the maximum is {MAX_SIZE} "
        "bytes. Reset the world with fewer runs, or make a link to some of them.",
    )


class ScenarioTable:
    """The scenarios of the runs, each once."""

    def __init__(self) -> None:
        self.entries: list[Json] = []
        self._indexes: dict[int, int] = {}
        self._named: dict[str, list[tuple[Scenario, int]]] = {}

    def index(self, used: Scenario) -> int:
        """Return the index of that scenario, or of an equal one."""
        found = self._indexes.get(id(used))
        if found is None:
            equal = self._named.setdefault(used.name, [])
            found = next((index for one, index in equal if one == used), None)
            if found is None:
                found = len(self.entries)
                self.entries.append({"name": used.name, "plays": scenario.dump(used)})
                equal.append((used, found))
            self._indexes[id(used)] = found
        return found


def _run(run: Run, length: int, table: ScenarioTable) -> Json:
    """Return the run as it was after ``length`` events."""
    continues = None
    if run.earlier is not None:
        continues = {
            "attempts": run.earlier,
            "kept": {str(index): kept for index, kept in sorted(run.kept.items())},
        }
    return {
        "id": run.id,
        "scenario": table.index(run.scenario),
        "continues": continues,
        "log": [[event.at, event.type, event.step, event.facts] for event in run.log[:length]],
    }
