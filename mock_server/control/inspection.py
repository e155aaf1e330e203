"""Runs, scenarios and open questions as a tool shows them.

The operations of the contract do more than return data: they are recorded, count as coverage, and
get the world's faults. These do none of it, so a tool that watches a world does not change it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from mock_server import resources
from mock_server.engine import behaviour, scenario
from mock_server.engine.clock import to_text
from mock_server.engine.enums import RunStatus
from mock_server.engine.run import Run
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError, unknown_name
from mock_server.http.call import BodyResponse, Call, Handler, Response
from mock_server.worlds import serialize
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World

_MAX_ROW_STEPS = 48
"""Steps of a run in the list; a picture of a row has no room for more."""


def functions(worlds: Worlds) -> dict[str, Handler]:
    """Return ``listRunOverviews``, ``inspectRun``, ``getScenario`` and ``listQuestions``."""

    def list_overviews(call: Call) -> Response:
        asked = call.parameters
        found = _matching(call.world, asked["status"], asked["search"])
        page: list[Run] = []
        total = 0
        for run in found:
            if asked["offset"] <= total < asked["offset"] + asked["limit"]:
                page.append(run)
            total += 1
        content = {
            "items": [_overview(call.world, run) for run in page],
            "total": total,
            "counts": {str(status): count for status, count in call.world.counts().items()},
        }
        return BodyResponse(orjson.dumps(content))

    def inspect_run(call: Call) -> Response:
        run = call.world.find(call.parameters["run_id"])
        if run is None:
            raise HttpError(404, f"The world {call.tenant!r} does not have this run")
        keys = [plan.key for plan in run.scenario.plans]
        content = {
            **_overview(call.world, run),
            "steps": orjson.Fragment(serialize.steps(run.state, call.world.style())),
            "definition": scenario.dump(run.scenario),
            "attempts": dict(zip(keys, run.attempts, strict=True)),
            "log": [
                {
                    "id": event.seq,
                    "at": to_text(event.at),
                    "event": event.type,
                    "step": None if event.step is None else keys[event.step],
                    "facts": event.facts,
                }
                for event in run.log
            ],
        }
        return BodyResponse(orjson.dumps(content))

    def get_scenario(call: Call) -> Response:
        name = call.parameters["scenario"]
        found = worlds.scenarios.get(name)
        if found is None:
            raise HttpError(404, unknown_name("scenario", name, worlds.scenarios))
        return BodyResponse.json({"name": name, "definition": scenario.dump(found)})

    return {
        "listRunOverviews": list_overviews,
        "inspectRun": inspect_run,
        "getScenario": get_scenario,
        "listQuestions": list_questions,
    }


def list_questions(call: Call) -> Response:
    """Return the open questions and the profiles that answer them."""
    directory = resources.behaviours_dir()
    return BodyResponse.json(
        {
            "questions": [
                {"number": number, **one.model_dump()}
                for number, one in behaviour.questions().items()
            ],
            "profiles": [
                {
                    "name": name,
                    "summary": behaviour.summary(directory / f"{name}.yaml"),
                    "answers": behaviour.read(directory / f"{name}.yaml").answers(),
                }
                for name in behaviour.names()
            ],
        }
    )


def _matching(world: World, status: str | None, search: str | None) -> Iterator[Run]:
    """Return the runs in that status that contain every word of ``search``, newest first."""
    found: Iterable[Run] = reversed(list(world.runs()))
    if status is not None:
        wanted = RunStatus(status)
        found = (run for run in found if run.state.status is wanted)
    if search and (words := search.lower().split()):
        found = (run for run in found if all(word in _text(run) for word in words))
    return iter(found)


def _text(run: Run) -> str:
    """Return the text in which a search looks for words."""
    identity, one = run.state.identity, run.scenario
    parts = (run.id, one.name, one.automation.name, identity.trigger_type, identity.concurrency_key)
    return " ".join(part for part in parts if part).lower()


def _overview(world: World, run: Run) -> dict[str, Any]:
    states = run.state.steps
    return {
        "run": orjson.Fragment(world.peek(run)),
        "scenario": run.scenario.name,
        "automation": run.scenario.automation.name,
        "stepCount": len(states),
        "bars": [
            _bar(step.status, step.started, step.completed)
            for step in states[:: -(-len(states) // _MAX_ROW_STEPS) or 1]
        ],
    }


def _bar(status: str, started: int | None, completed: int | None) -> Json:
    return {
        "status": status,
        "startedAt": None if started is None else to_text(started),
        "completedAt": None if completed is None else to_text(completed),
    }
