"""A world as one JSON document.

It contains the seed, the clock, the behaviour, the faults, the scenarios of the runs, each run's
log and the scheduled events. Everything else follows from the logs, so the same world always gives
the same bytes, and a restored world goes on as the original would have.
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from mock_server.engine import scenario
from mock_server.engine.clock import to_text
from mock_server.engine.run import Run
from mock_server.engine.run_state import Json
from mock_server.engine.scenario import Scenario
from mock_server.errors import HttpError
from mock_server.worlds.cooperative import Work
from mock_server.worlds.document import (
    FORMAT,
    IMPORT,
    MAX_SIZE,
    VERSION,
    Limits,
    TooMuchError,
    Totals,
)
from mock_server.worlds.world import World


class Parts(NamedTuple):
    """A document in parts: ``head`` is an object without runs and events, ``runs`` are objects, and
    ``due`` is a list."""

    head: bytes
    runs: list[bytes]
    due: bytes


def write(world: World, only: Sequence[Run] | None = None, limits: Limits = IMPORT) -> Work[bytes]:
    """Return the document of a world as it is now, with all runs or ``only`` some.

    The runs are in order of creation. The world may go on meanwhile. Raise HttpError (409) for a
    document that is too large to import.
    """
    head, runs, due = yield from parts(world, only, limits, MAX_SIZE)
    body = b'%b,"runs":[%b],"due":%b}' % (head[:-1], b",".join(runs), due)
    if len(body) > MAX_SIZE:
        raise _too_large(len(runs))
    return body


def parts(
    world: World, only: Sequence[Run] | None, limits: Limits, max_size: int = sys.maxsize
) -> Work[Parts]:
    """Return the parts of the document of a world as it is when this is called.

    Raise HttpError (409) for runs beyond ``limits`` and for more than ``max_size`` bytes of runs.
    """
    runs = list(world.runs()) if only is None else only
    # Logs are append-only, so their lengths now are enough to keep this state.
    lengths = [run.event_count for run in runs]
    numbers = {run.number: index for index, run in enumerate(runs)}
    due = [
        [due.at, numbers[due.run.number], due.kind, None if due.step < 0 else due.step]
        for due in world.engine.schedule
        if due.run.number in numbers
    ]
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
        "scenarios": None,
        "leftOut": world.omitted_runs + len(world) - len(runs),
    }
    arrivals = world.arrivals
    next_at = 0 if arrivals is None else arrivals.next_at
    totals = Totals(limits)
    table = ScenarioTable(totals)

    def render() -> Work[Parts]:
        rendered, size = [], 0
        for run, length in zip(runs, lengths, strict=True):
            try:
                totals.add_run(run.scenario.size, length)
                rendered.append(orjson.dumps(_run(run, length, table)))
            except TooMuchError:
                raise _too_large(len(runs)) from None
            size += len(rendered[-1])
            if size > max_size:
                raise _too_large(len(runs))
            yield
        if arrivals is not None:
            head["arrivals"] = {
                "perMinute": float(arrivals.per_minute),
                "nextAt": next_at,
                "mix": [[table.index(one), float(weight)] for one, weight in arrivals.mix],
            }
        head["scenarios"] = table.entries
        return Parts(orjson.dumps(head), rendered, orjson.dumps(due))

    return render()


def _too_large(runs: int) -> HttpError:
    return HttpError(
        409,
        f"The world's {runs} runs make a document that is too large; the maximum is {MAX_SIZE} "
        "bytes. Reset the world with fewer runs, or make a link to some of them.",
    )


class ScenarioTable:
    """The scenarios of the runs, each once."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self.entries: list[Json] = []
        self._indexes: dict[int, int] = {}
        self._named: dict[str, list[tuple[Scenario, int]]] = {}

    def index(self, used: Scenario) -> int:
        """Return the index of that scenario, or of an equal one. Raise TooMuchError."""
        found = self._indexes.get(id(used))
        if found is None:
            equal = self._named.setdefault(used.name, [])
            found = next((index for one, index in equal if one == used), None)
            if found is None:
                self._totals.add_scenario(used.size)
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
        "log": orjson.Fragment(run.rows(length)),
    }
