"""The faults of a world: list, add, remove, and apply presets."""

from mock_server.engine.run_state import Json
from mock_server.errors import HttpError, unknown_name
from mock_server.faults import rate_limit
from mock_server.faults.registry import KINDS
from mock_server.faults.rules import Rule
from mock_server.http.call import BodyResponse, Call, Handler, NoContent, Response
from mock_server.openapi_document import OpenApiDocument
from mock_server.worlds.registry import Worlds
from mock_server.yaml_model import validate_request


def functions(worlds: Worlds, document: OpenApiDocument) -> dict[str, Handler]:
    """Return ``listFaults``, ``addFault``, ``clearFaults``, ``removeFault``, ``listFaultKinds``,
    ``listFaultPresets`` and ``applyFaultPreset``. ``document`` is that of the control API."""

    def list_kinds(call: Call) -> Response:
        return BodyResponse.json(_kinds(document))

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
        preset = call.worlds.presets.get(name)
        if preset is None:
            raise HttpError(404, unknown_name("preset", name, call.worlds.presets))
        added = call.world.faults.add(preset.rules, call.world.engine.now)
        return BodyResponse.json({"items": [one.to_json() for one in added]}, 201)

    return {
        "listFaults": show,
        "addFault": add,
        "clearFaults": clear,
        "removeFault": remove,
        "listFaultKinds": list_kinds,
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


def _kinds(document: OpenApiDocument) -> Json:
    """Return every kind of fault with the schemas of its fields, and those of the conditions."""
    properties = document.content["components"]["schemas"]["FaultRule"]["properties"]
    kinds = {name: kind.example for name, kind in KINDS.items()}
    kinds[rate_limit.NAME] = rate_limit.EXAMPLE
    return {
        "items": [
            {
                "name": name,
                "description": properties[name]["description"],
                "example": example,
                "affectsBodies": name not in KINDS or KINDS[name].affects_bodies,
                "affectsStreams": name not in KINDS or KINDS[name].affects_streams,
                "standsAlone": name == rate_limit.NAME,
                "fields": _fields(document, properties[name].get("properties", {})),
            }
            for name, example in kinds.items()
        ],
        "conditions": _fields(
            document, {name: one for name, one in properties.items() if name not in kinds}
        ),
    }


def _fields(document: OpenApiDocument, properties: Json) -> Json:
    return {name: document.resolve(schema) for name, schema in properties.items()}
