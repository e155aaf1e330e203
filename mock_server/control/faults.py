"""The faults of a world: list, add, remove, and presets of them."""

from pydantic import ValidationError

from mock_server.errors import Flaw, Invalid, Refused
from mock_server.faults.rules import Rule
from mock_server.http.call import Answer, Call, NoContent, Reply
from mock_server.http.middleware.recording import Handler
from mock_server.worlds.registry import Worlds


def functions(worlds: Worlds) -> dict[str, Handler]:
    """``listFaults``, ``addFault``, ``clearFaults``, ``removeFault``, ``listFaultPresets`` and
    ``applyFaultPreset``."""

    def list_presets(call: Call) -> Answer:
        items = [
            {
                "name": name,
                "summary": preset.summary,
                "rules": [rule.written() for rule in preset.rules],
            }
            for name, preset in worlds.presets.items()
        ]
        return Reply.of({"items": items})

    def apply_preset(call: Call) -> Answer:
        name = call.parameters["preset"]
        preset = worlds.presets.get(name)
        if preset is None:
            known = ", ".join(worlds.presets)
            raise Refused(404, f"There is no preset {name!r}; there are: {known}")
        added = call.world.faults.add(preset.rules, call.world.engine.now)
        return Reply.of({"items": [one.shown() for one in added]}, 201)

    return {
        "listFaults": show,
        "addFault": add,
        "clearFaults": clear,
        "removeFault": remove,
        "listFaultPresets": list_presets,
        "applyFaultPreset": apply_preset,
    }


def show(call: Call) -> Answer:
    call.world.faults.expire(call.world.engine.now)
    return Reply.of({"items": [one.shown() for one in call.world.faults]})


def add(call: Call) -> Answer:
    [added] = call.world.faults.add([_rule(call)], call.world.engine.now)
    return Reply.of(added.shown(), 201)


def clear(call: Call) -> Answer:
    call.world.faults.clear()
    return NoContent()


def remove(call: Call) -> Answer:
    number = call.parameters["faultId"]
    call.world.faults.expire(call.world.engine.now)
    if not call.world.faults.remove(number):
        there = ", ".join(str(one.id) for one in call.world.faults) or "none"
        raise Refused(404, f"There is no fault {number}; there are: {there}")
    return NoContent()


def _rule(call: Call) -> Rule:
    try:
        return Rule.model_validate(call.body)
    except ValidationError as error:
        flaws = [
            Flaw(("body", *map(str, fault["loc"])), fault["msg"], fault["type"])
            for fault in error.errors()
        ]
        raise Invalid(flaws) from None
