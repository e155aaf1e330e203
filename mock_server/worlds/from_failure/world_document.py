"""A world that shows the runs of a failure, as a document that is imported like any other."""

import re
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from mock_server.engine.behaviour import Behaviour
from mock_server.engine.clock import SECOND, from_text, to_text
from mock_server.engine.duration import MAX_DURATION, format_duration
from mock_server.engine.enums import StepStatus
from mock_server.engine.randomness import UUID_PATTERN
from mock_server.engine.run_state import Json
from mock_server.engine.scenario import Outcome
from mock_server.errors import RequestValidationError
from mock_server.worlds.document import FORMAT, VERSION
from mock_server.worlds.from_failure.event_log import Log, first_instant
from mock_server.worlds.from_failure.failure_file import FailureFile, read
from mock_server.worlds.from_failure.observed_runs import ObservedRun, observed_runs
from mock_server.worlds.registry import TEST_PREFIX, Worlds
from mock_server.worlds.world import World

MAX_RUNS = 2_000
MAX_NOTES = 50
_UUID = re.compile(UUID_PATTERN)
_OUTCOMES: dict[str, Outcome] = {
    StepStatus.COMPLETED: Outcome.SUCCEEDS,
    StepStatus.FAILED: Outcome.FAILS,
    StepStatus.RUNNING: Outcome.HANGS,
    StepStatus.AWAITING_APPROVAL: Outcome.AWAITS_DECISION,
}
_TRIGGERS = ("manual", "schedule", "webhook", "event")
_SOURCES = ("user", "schedule", "webhook", "event")
_ORCHESTRATORS = ("local", "dag")


class ObservedWorld(NamedTuple):
    """The document of a world, the name for it, and what it does not show as it was observed."""

    document: Json
    name: str
    notes: tuple[str, ...]


async def open_failure(
    worlds: Worlds, file: Any, loc: tuple[str, ...]
) -> tuple[World, tuple[str, ...]]:
    """Open a new ``test-`` world with the runs of the failure in ``file``, which is at ``loc``;
    return it with what it does not show as it was observed.

    Raise RequestValidationError and HttpError; both change nothing.
    """
    found = observed_world(file, worlds.settings.behaviour, loc)
    world = await worlds.restore(found.document, found.name, loc, keep_existing=True)
    return world, found.notes


def observed_world(file: Any, behaviour: Behaviour, loc: tuple[str, ...]) -> ObservedWorld:
    """Return the world of the failure in ``file``, which is at ``loc``: its clock stands still at
    the last time that was seen.

    Raise RequestValidationError for an invalid file and one that shows no run.
    """
    failure = read(file, loc)
    name = f"{TEST_PREFIX}failure-{failure.requirement.id.lower()}"
    scenarios: list[Json] = []
    runs: list[Json] = []
    notes: list[str] = []
    began = _began(failure)
    for run in observed_runs(failure).values():
        if not _UUID.fullmatch(run.id):
            notes.append(f"run {run.id[:60]!r}: its id is not a UUID: it is left out")
        elif len(runs) == MAX_RUNS:
            notes.append(f"only the first {MAX_RUNS} runs are shown")
            break
        else:
            rows, plays = _course(run, failure.requirement.id, notes, began)
            runs.append({"id": run.id, "scenario": len(scenarios), "continues": None, "log": rows})
            scenarios.append({"name": f"observed-{len(runs)}", "plays": plays})
    if not runs:
        raise RequestValidationError.at((*loc, "checks"), "no exchange shows a run")
    if len(notes) > MAX_NOTES:
        notes[MAX_NOTES:] = [f"and {len(notes) - MAX_NOTES} more differences"]
    runs.sort(key=lambda run: int(run["log"][0][0]))
    document = {
        "format": FORMAT,
        "version": VERSION,
        "world": name,
        "seed": 1,
        "clock": {"now": to_text(_latest(runs)), "frozen": True, "scale": 1.0},
        "behaviour": behaviour.answers(),
        "faults": {"added": 0, "asked": 0, "rules": []},
        "arrivals": None,
        "scenarios": scenarios,
        "leftOut": 0,
        "runs": runs,
        "due": [],
    }
    return ObservedWorld(document, name, tuple(notes))


def _course(
    run: ObservedRun, requirement: str, notes: list[str], began: int
) -> tuple[list[list[Any]], Json]:
    """Return the log of the run, and the scenario that it is a run of."""
    steps = run.steps
    needs = {key: _needs(key, step, steps) for key, step in steps.items()}
    log = Log(run.id, _depths(needs), began)
    streamed = Log(run.id, _depths(needs), began)
    streamed.read_stream(run)
    last = next((one.run for one in reversed(run.attempts) if one.run), None)
    if streamed.complete and (last is None or streamed.status == last.get("status")):
        log = streamed
    else:
        for number, attempt in enumerate(run.attempts):
            log.read_attempt(attempt, again=number > 0)
    notes += log.notes
    states = list(run.runs)
    seen: Json = states[-1] if states else {}
    plays = {
        "summary": f"Observed in a failure of {requirement}",
        "automation": {
            "name": f"Observed in {requirement}",
            "version": _version(seen.get("versionNumber")),
            "orchestrator": _one_of(_ORCHESTRATORS, seen.get("orchestratorType"), "dag"),
        },
        "trigger": {
            "type": _one_of(_TRIGGERS, seen.get("triggerType"), "manual"),
            "source": _one_of(_SOURCES, seen.get("triggerSourceType"), "user"),
        },
        "concurrencyKey": _line(seen.get("concurrencyKey")),
        "waits": _between(seen, "createdAt", "startedAt"),
        "steps": [_step(key, step, needs[key]) for key, step in steps.items()],
    }
    return [list(row) for row in log.rows], plays


def _step(key: str, step: Json, needs: list[str]) -> Json:
    written: Json = {
        "key": key,
        "name": _line(step.get("name")) or key,
        "dependsOn": needs,
        "takes": _between(step, "startedAt", "completedAt"),
        "outcome": _OUTCOMES.get(str(step.get("status")), Outcome.SUCCEEDS),
    }
    error = step.get("error")
    if isinstance(error, dict):
        texts = {name: _line(error.get(name)) or "unknown" for name in ("code", "message")}
        written["error"] = texts
    return written


def _needs(key: str, step: Json, steps: dict[str, Json]) -> list[str]:
    """Return the steps that it depends on, as far as they were seen."""
    named = step.get("dependsOn")
    known = [one for one in named if isinstance(one, str)] if isinstance(named, list) else []
    return [one for one in dict.fromkeys(known) if one in steps and one != key]


def _depths(needs: dict[str, list[str]]) -> dict[str, int]:
    """Return how many steps come before each one at least; 0 for all, where they form a circle."""
    depths = dict.fromkeys(needs, 0)
    try:
        for key in TopologicalSorter(needs).static_order():
            depths[key] = max((depths[one] + 1 for one in needs[key]), default=0)
    except CycleError:
        return dict.fromkeys(needs, 0)
    return depths


def _latest(runs: list[Json]) -> int:
    return max(int(row[0]) for run in runs for row in run["log"])


def _began(failure: FailureFile) -> int:
    """Return when the recording began; 0 where that is not a time."""
    try:
        return from_text(failure.checks[0].recording_started)
    except (ValueError, OverflowError):
        return 0


def _between(source: Json, start: str, end: str) -> str:
    first, last = first_instant(source, start), first_instant(source, end)
    if first is None or last is None:
        return format_duration(SECOND)
    return format_duration(min(max(last - first, 0), MAX_DURATION))


def _version(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value < 2**53 else 1


def _one_of(known: tuple[str, ...], value: object, default: str) -> str:
    return value if isinstance(value, str) and value in known else default


def _line(value: object) -> str | None:
    """Return a text without what the mock would take for a placeholder."""
    return value[:1_000].replace("{{", "{ {") if isinstance(value, str) else None
