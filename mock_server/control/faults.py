"""The faults of a world: list, add, remove, and apply presets."""

from mock_server.errors import HttpError, unknown_name
from mock_server.faults.rules import Rule
from mock_server.http.call import BodyResponse, Call, Handler, NoContent, Response
from mock_server.worlds.registry import Worlds
from mock_server.yaml_model import validate_request


def functions(worlds: Worlds) -> dict[str, Handler]:
    """Return ``listFaults``, ``addFault``, ``clearFaults``, ``removeFault``, ``listFaultPresets``
    and ``applyFaultPreset``."""

    def list_presets(call: Call) -> Response:
        items = [
            {
                "name": name,
                "summary": preset.summary,
                "rules": [rule.dump() for rule in preset.rules],
            }
            for name, preset in worlds.presets.items()
        ]
        return BodyResponse.json({"items": items})

    def apply_preset(call: Call) -> Response:
        name = call.parameters["preset"]
        preset = worlds.presets.get(name)
        if preset is None:
            raise HttpError(404, unknown_name("preset", name, worlds.presets))
        added = call.world.faults.add(preset.rules, call.world.engine.now)
        return BodyResponse.json({"items": [one.to_json() for one in added]}, 201)

    return {
        "listFaults": show,
        "addFault": add,
        "clearFaults": clear,
        "removeFault": remove,
        "listFaultPresets": list_presets,
        "applyFaultPreset": apply_preset,
    }


def show(call: Call) -> Response:
    call.world.faults.expire(call.world.engine.now)
    return BodyResponse.json({"items": [one.to_json() for one in call.world.faults]})


def add(call: Call) -> Response:
    [added] = call.world.faults.add(
        [validate_request(Rule, call.body, ("body",))], call.world.engine.now
    )
    return BodyResponse.json(added.to_json(), 201)


def clear(call: Call) -> Response:
    call.world.faults.clear()
    return NoContent()


def remove(call: Call) -> Response:
    number = call.parameters["faultId"]
    call.world.faults.expire(call.world.engine.now)
    if not call.world.faults.remove(number):
        known = [str(one.id) for one in call.world.faults]
        raise HttpError(404, unknown_name("fault", str(number), known))
    return NoContent()
