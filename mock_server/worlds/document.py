"""The JSON document of a world: its form, and how much it may hold.

The models check each value on its own, ``Totals`` all of them together: what a document stands for
can be far larger than its text. The parts that can be long are validated one by one, so that other
requests are served meanwhile.
"""

from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, TypeAdapter

from mock_server import yaml_model
from mock_server.engine.behaviour import Answers
from mock_server.engine.clock import LATEST, from_text
from mock_server.engine.enums import EventType
from mock_server.engine.json_value import check_json
from mock_server.engine.randomness import MAX_SEED, UUID_PATTERN
from mock_server.engine.run_state import Json
from mock_server.engine.scenario import MAX_STEPS, ScenarioFile, Size
from mock_server.engine.schedule import ScheduledKind
from mock_server.faults.active_rules import FaultsFile, FutureInstant
from mock_server.worlds.world import MAX_RUNS, MAX_WORLD_STEPS
from mock_server.yaml_model import Count

FORMAT = "automation-runs-mock/world"
VERSION = 1
MAX_SIZE = 64 * 1_048_576
"""The maximum size of a document in bytes."""


def _instant(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("write a date and time such as 2026-03-02T08:15:00.000Z")
    return from_text(value)


Index = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Instant = Annotated[int, Field(strict=True, ge=0, le=LATEST)]
InstantText = Annotated[int, BeforeValidator(_instant)]
Rate = Annotated[float, Field(strict=True, ge=0.001, le=600)]
Weight = Annotated[float, Field(strict=True, ge=0.001, le=1_000_000)]
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


EVENT_ROW: TypeAdapter[Any] = TypeAdapter(EventRow)
SCHEDULED_ROW: TypeAdapter[Any] = TypeAdapter(ScheduledRow)


def _check_result(result: Json | None) -> Json | None:
    check_json(result)
    return result


class ClockFile(yaml_model.Model):
    """The clock of a world."""

    now: InstantText
    frozen: bool
    scale: Annotated[float, Field(ge=0.001, le=100_000)]


class ScenarioEntry(yaml_model.Model):
    """A scenario of the runs: its name, and the scenario as in a file."""

    name: Annotated[str, StringConstraints(max_length=200)]
    plays: ScenarioFile


class KeptFile(yaml_model.Model):
    """The result of a step in the earlier run that a retry continued."""

    result: Annotated[Json | None, AfterValidator(_check_result)]
    truncated: bool


class ContinuesFile(yaml_model.Model):
    """What a run has from an earlier one: the attempts of each step, and results of steps by
    index."""

    attempts: Annotated[list[Count], Field(max_length=MAX_STEPS)]
    kept: dict[Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,3})$")], KeptFile]


class RunFile(yaml_model.Model):
    """One run; ``scenario`` is an index into the document's scenarios, each row of the ``log`` an
    ``EventRow``."""

    id: Uuid
    scenario: Index
    continues: ContinuesFile | None
    log: Annotated[list[Any], Field(min_length=1)]


class ArrivalsFile(yaml_model.Model):
    """Arrivals: the rate, the scenarios (index, weight), and the instant of the next one."""

    per_minute: Rate = Field(alias="perMinute")
    next_at: FutureInstant = Field(alias="nextAt")
    mix: Annotated[
        list[Annotated[tuple[Index, Weight], Field(strict=False)]],
        Field(min_length=1, max_length=1_000),
    ]


class Document(yaml_model.Model):
    """A world. ``leftOut`` is the number of its runs that are not in the document. The
    items of ``scenarios``, ``runs`` and ``due`` are a ``ScenarioEntry``, a ``RunFile`` and a
    ``ScheduledRow`` each."""

    format: Annotated[str, StringConstraints(pattern=f"^{FORMAT}$")]
    version: Annotated[int, Field(ge=VERSION, le=VERSION)]
    world: WorldName
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]
    clock: ClockFile
    behaviour: Answers
    faults: FaultsFile
    arrivals: ArrivalsFile | None
    scenarios: list[Any]
    omitted_runs: Count = Field(alias="leftOut")
    runs: Annotated[list[Any], Field(max_length=MAX_RUNS)]
    due: list[Any]


class Limits(NamedTuple):
    """How much a document may stand for: the steps of all scenarios and the dependencies between
    them, the runs, and the steps, events and bytes of all runs."""

    steps: int
    edges: int
    runs: int
    run_steps: int
    events: int
    bytes: int


IMPORT = Limits(400_000, 2_000_000, MAX_RUNS, MAX_WORLD_STEPS, 1_000_000, 1_073_741_824)
"""The limits of an imported world."""

LINK = Limits(5_000, 50_000, 1_000, 20_000, 20_000, 16 * 1_048_576)
"""The limits of a link, which a page or a chat can contain."""


STORED = Limits(*[2**62] * len(Limits._fields))
"""The limits of a world that the mock itself has stored: those that the world had."""


class TooMuchError(ValueError):
    """A document that stands for more than it may."""


class Totals:
    """Counts what a document stands for. Raise TooMuchError beyond ``limits``."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counts = dict.fromkeys(Limits._fields, 0)

    def add_scenario(self, size: Size) -> None:
        """Count a scenario."""
        self._add(steps=size.steps, edges=size.edges)

    def add_run(self, size: Size, events: int) -> None:
        """Count a run of a scenario of that size, with so many events."""
        self._add(runs=1, run_steps=size.steps, events=events, bytes=size.bytes)

    def _add(self, **counts: int) -> None:
        for name, count in counts.items():
            total = self._counts[name] = self._counts[name] + count
            limit = getattr(self._limits, name)
            if total > limit:
                unit = "steps of all runs" if name == "run_steps" else name
                raise TooMuchError(f"the document holds more than {limit} {unit}")
