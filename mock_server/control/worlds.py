"""Worlds: which are open, and starting one afresh."""

from mock_server.call import Answer, Call, Reply
from mock_server.clock import from_text, to_text
from mock_server.errors import Flaw, Invalid
from mock_server.middleware import Handler
from mock_server.run import Json
from mock_server.world import World
from mock_server.worlds import Worlds


def functions(worlds: Worlds) -> dict[str, Handler]:
    """``listWorlds`` and ``resetWorld``."""

    def list_worlds(call: Call) -> Answer:
        return Reply.of({"items": [_shown(world) for world in worlds]})

    def reset_world(call: Call) -> Answer:
        body = call.body
        world = worlds.reset(
            call.tenant,
            seed=_whole(body.get("seed")),
            now=_instant(body.get("now")),
            runs=_whole(body.get("runs")),
            live=_whole(body.get("live")),
            scale=body.get("scale"),
        )
        return Reply.of(_shown(world))

    return {"listWorlds": list_worlds, "resetWorld": reset_world}


def _shown(world: World) -> Json:
    return {
        "name": world.name,
        "tenantId": world.tenant_id,
        "runs": len(world),
        "seed": world.seed,
        "now": to_text(world.clock.now()),
    }


def _instant(text: str | None) -> int | None:
    try:
        return None if text is None else from_text(text)
    except ValueError as error:
        raise Invalid([Flaw(("body", "now"), str(error), "datetime_parsing")]) from None


def _whole(number: float | None) -> int | None:
    """JSON Schema counts 5.0 as an integer; Python does not."""
    return None if number is None else int(number)
