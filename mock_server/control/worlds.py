"""Worlds: list, reset, and their behaviour."""

from mock_server import resources
from mock_server.engine import behaviour as behaviours
from mock_server.engine.behaviour import Behaviour
from mock_server.engine.clock import from_text, to_text
from mock_server.engine.run_state import Json
from mock_server.errors import ErrorDetail, HttpError, RequestValidationError, unknown_name
from mock_server.http.call import BodyResponse, Call, DeferredResponse, Handler, Response
from mock_server.worlds.registry import Start, Worlds
from mock_server.worlds.world import World
from mock_server.yaml_model import validate_request


def functions(worlds: Worlds) -> dict[str, Handler]:
    """Return the functions that show, reset and change worlds."""

    def list_worlds(call: Call) -> Response:
        return BodyResponse.json({"items": [to_json(world) for world in worlds]})

    def reset_world(call: Call) -> Response:
        body = call.body
        start = Start(
            seed=body.get("seed"),
            now=_instant(body.get("now")),
            start=_start(worlds, body.get("start")),
            behaviour=_behaviour(body.get("behaviour")),
            runs=body.get("runs"),
            live=body.get("live"),
            scale=body.get("scale"),
        )

        async def work() -> Response:
            return BodyResponse.json(to_json(await worlds.reset(call.tenant, start)))

        return DeferredResponse(work())

    def show_behaviour(call: Call) -> Response:
        return BodyResponse.json({"answers": call.world.behaviour.answers()})

    def set_behaviour(call: Call) -> Response:
        behaviour = _behaviour(call.body["behaviour"])
        if behaviour is not None:
            call.world.set_behaviour(behaviour)
        return show_behaviour(call)

    return {
        "listWorlds": list_worlds,
        "resetWorld": reset_world,
        "showBehaviour": show_behaviour,
        "setBehaviour": set_behaviour,
    }


def to_json(world: World) -> Json:
    """Return a world as in the control API."""
    return {
        "name": world.name,
        "tenantId": world.tenant_id,
        "runs": len(world),
        "seed": world.seed,
        "now": to_text(world.clock.now()),
    }


def _start(worlds: Worlds, name: str | None) -> str | None:
    if name is not None and name not in worlds.starts:
        raise HttpError(404, unknown_name("start", name, worlds.starts))
    return name


def _behaviour(given: str | Json | None) -> Behaviour | None:
    """Return the behaviour of that name, or of the answers in the request."""
    if given is None:
        return None
    if isinstance(given, str):
        path = resources.behaviours_dir() / f"{given}.yaml"
        if given not in behaviours.names():
            raise HttpError(404, unknown_name("behaviour", given, behaviours.names()))
        return behaviours.read(path)
    answers = validate_request(behaviours.Answers, given, ("body", "behaviour"))
    return behaviours.from_answers(answers)


def _instant(text: str | None) -> int | None:
    try:
        return None if text is None else from_text(text)
    except ValueError as error:
        raise RequestValidationError(
            [ErrorDetail(("body", "now"), str(error), "datetime_parsing")]
        ) from None
