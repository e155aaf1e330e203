"""A command: a change of a world, with the instant at which it was carried out and all it needs.

It names an operation of the API or the control API. What the operation would read from a file is
part of the command: files may be different when it is repeated.
"""

import json
from collections.abc import Iterable

import orjson

from mock_server import resources
from mock_server.control.runs import DEFAULT_ARRIVALS
from mock_server.engine import behaviour as behaviours
from mock_server.engine import scenario as scenarios
from mock_server.engine.run_state import Json
from mock_server.engine.scenario import Scenario
from mock_server.http.call import Call

COMMANDS = frozenset(
    {
        "addFault",
        "advanceClock",
        "applyFaultPreset",
        "cancelRun",
        "clearFaults",
        "createRun",
        "decideRun",
        "endRun",
        "freezeClock",
        "removeFault",
        "resumeClock",
        "retryRun",
        "scaleClock",
        "setArrivals",
        "setBehaviour",
        "stopArrivals",
    }
)
"""The operations that change a world and are repeated when it is loaded."""

REPLACING = frozenset({"importState", "resetWorld"})
"""The operations that replace a world; they store a snapshot."""

MARK = "mark"
"""The record of what any request can change: the counters of faults."""


class ScenarioTable:
    """The scenarios of the commands in one log, each defined by the first that uses it."""

    def __init__(self) -> None:
        self._known: list[Scenario] = []
        self._indexes: dict[int, int] = {}

    def refer(self, scenario: Scenario, definitions: list[Json]) -> int:
        """Return the index of ``scenario``; add it to ``definitions`` where it is new."""
        index = self._indexes.get(id(scenario))
        if index is None:
            index = self._indexes[id(scenario)] = len(self._known)
            self._known.append(scenario)
            definitions.append({"name": scenario.name, "plays": scenarios.dump(scenario)})
        return index

    def __len__(self) -> int:
        return len(self._known)

    def forget(self, length: int) -> None:
        """Forget the scenarios after the first ``length``: their definitions were not stored."""
        for scenario in self._known[length:]:
            del self._indexes[id(scenario)]
        del self._known[length:]


def make(operation: str, call: Call, table: ScenarioTable, at: int, wall: int) -> bytes | None:
    """Return the command as JSON; None for a call that fails because it names something unknown.

    ``at`` is the world's instant and ``wall`` the machine's.
    """
    body: Json = call.body
    command: Json = {"do": operation, "at": at, "wall": wall}
    path = {name: value for name, value in call.parameters.items() if name in _IN_PATH}
    if path:
        command["path"] = path
    if "run_id" in path and call.world.find(path["run_id"]) is None:
        return None
    match operation:
        case "createRun" | "setArrivals":
            if operation == "setArrivals" and not body.get("scenarios"):
                body = {**body, "scenarios": dict.fromkeys(DEFAULT_ARRIVALS, 1.0)}
            names = _names(operation, body)
            if not all(name in call.worlds.scenarios for name in names):
                return None
            definitions: list[Json] = []
            found = {name: call.worlds.scenarios[name] for name in names}
            command["uses"] = {name: table.refer(one, definitions) for name, one in found.items()}
            if definitions:
                command["defines"] = definitions
        case "setBehaviour" if isinstance(body["behaviour"], str):
            name = body["behaviour"]
            if name not in behaviours.names():
                return None
            answers = behaviours.find(name, resources.behaviours_dir()).answers()
            body = {**body, "behaviour": answers}
        case "applyFaultPreset":
            preset = call.worlds.presets.get(path["preset"])
            if preset is None:
                return None
            rules = [rule.dump() for rule in preset.rules]
            command["preset"] = {"summary": preset.summary, "rules": rules}
    if body:
        command["body"] = body
    return _dump(command)


_IN_PATH = frozenset({"run_id", "faultId", "preset"})
"""The parameters that the operations have in their paths."""


def _names(operation: str, body: Json) -> Iterable[str]:
    """Return the names of the scenarios that the operation uses."""
    if operation == "setArrivals":
        return list(body["scenarios"])
    return [body["scenario"]] if isinstance(body["scenario"], str) else []


def _dump(command: Json) -> bytes:
    try:
        return orjson.dumps(command)
    except TypeError:  # An integer beyond 64 bits, in a path: nothing has such a number.
        return json.dumps(command).encode()
