"""The faults of a world: list, add, remove, and presets of them."""

from pydantic import ValidationError

from mock_server.errors import ErrorDetail, HttpError, RequestValidationError
from mock_server.faults.rules import Rule
from mock_server.http.call import BodyResponse, Call, NoContent, Response
from mock_server.http.middleware.recording import Handler
from mock_server.worlds.registry import Worlds


def functions(worlds: Worlds) -> dict[str, Handler]:
    """``listFaults``, ``addFault``, ``clearFaults``, ``removeFault``, ``listFaultPresets`` and
    ``applyFaultPreset``."""

    def list_presets(call: Call) -> Response:
        items = [
            {
                "name": name,
                "summary": preset.summary,
                "rules": [rule.written() for rule in preset.rules],
            }
            for name, preset in worlds.presets.items()
        ]
        return BodyResponse.of({"items": items})

    def apply_preset(call: Call) -> Response:
        name = call.parameters["preset"]
        preset = worlds.presets.get(name)
        if preset is None:
            known = ", ".join(worlds.presets)
            raise HttpError(404, f"There is no preset {name!r}; there are: {known}")
        added = call.world.faults.add(preset.rules, call.world.engine.now)
        return BodyResponse.of({"items": [one.shown() for one in added]}, 201)

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
    return BodyResponse.of({"items": [one.shown() for one in call.world.faults]})


def add(call: Call) -> Response:
    [added] = call.world.faults.add([_rule(call)], call.world.engine.now)
    return BodyResponse.of(added.shown(), 201)


def clear(call: Call) -> Response:
    call.world.faults.clear()
    return NoContent()


def remove(call: Call) -> Response:
    number = call.parameters["faultId"]
    call.world.faults.expire(call.world.engine.now)
    if not call.world.faults.remove(number):
        there = ", ".join(str(one.id) for one in call.world.faults) or "none"
        raise HttpError(404, f"There is no fault {number}; there are: {there}")
    return NoContent()


def _rule(call: Call) -> Rule:
    try:
        return Rule.model_validate(call.body)
    except ValidationError as error:
        flaws = [
            ErrorDetail(("body", *map(str, fault["loc"])), fault["msg"], fault["type"])
            for fault in error.errors()
        ]
        raise RequestValidationError(flaws) from None
