"""The mock's own API under ``/_mock``, described by ``control.yaml``: worlds, clocks, runs to
order."""

from collections.abc import Callable

from mock_server import __version__
from mock_server.call import Answer, Call, Reply
from mock_server.clock import SECOND, Clock, from_text, monotonic, to_text
from mock_server.errors import Flaw, Invalid, Refused
from mock_server.middleware import Handler
from mock_server.run import Json
from mock_server.streams import Streams
from mock_server.world import World
from mock_server.worlds import Worlds


def control(worlds: Worlds, streams: Streams) -> dict[str, Handler]:
    """The function that answers each operation, by its ``operationId``."""
    started = monotonic()

    def health(call: Call) -> Answer:
        return Reply.of(
            {
                "status": "ok",
                "version": __version__,
                "uptimeSeconds": round(monotonic() - started, 3),
                "worlds": len(worlds),
                "streams": streams.open,
            }
        )

    def list_scenarios(call: Call) -> Answer:
        items = [
            {"name": one.name, "summary": one.summary, "steps": len(one.plans)}
            for one in worlds.scenarios.values()
        ]
        return Reply.of({"items": items})

    def list_worlds(call: Call) -> Answer:
        return Reply.of({"items": [_world(world) for world in worlds]})

    def reset_world(call: Call) -> Answer:
        body = call.body
        now = body.get("now")
        try:
            instant = None if now is None else from_text(now)
        except ValueError as error:
            raise Invalid([Flaw(("body", "now"), str(error), "datetime_parsing")]) from None
        world = worlds.reset(
            call.tenant,
            seed=_whole(body.get("seed")),
            now=instant,
            runs=_whole(body.get("runs")),
            live=_whole(body.get("live")),
            scale=body.get("scale"),
        )
        return Reply.of(_world(world))

    def create_run(call: Call) -> Answer:
        name = call.body["scenario"]
        scenario = worlds.scenarios.get(name)
        if scenario is None:
            known = ", ".join(worlds.scenarios)
            raise Refused(404, f"There is no scenario {name!r}; there are: {known}")
        world = call.world
        run = world.create(scenario)
        location = {"Location": f"/api/v1/automation-runs/{run.id}"}
        return Reply(world.body(run), 201, location)

    def show_clock(call: Call) -> Answer:
        return _clock(call.world)

    def freeze_clock(call: Call) -> Answer:
        return _turned(call, Clock.freeze)

    def resume_clock(call: Call) -> Answer:
        return _turned(call, Clock.resume)

    def scale_clock(call: Call) -> Answer:
        return _turned(call, lambda clock: clock.rescale(call.body["scale"]))

    def advance_clock(call: Call) -> Answer:
        return _turned(call, lambda clock: clock.advance(round(call.body["seconds"] * SECOND)))

    return {
        "health": health,
        "listScenarios": list_scenarios,
        "listWorlds": list_worlds,
        "resetWorld": reset_world,
        "createRun": create_run,
        "showClock": show_clock,
        "freezeClock": freeze_clock,
        "resumeClock": resume_clock,
        "scaleClock": scale_clock,
        "advanceClock": advance_clock,
    }


"""
"""


def _turned(call: Call, change: Callable[[Clock], None]) -> Answer:
    world = call.world
    world.turn(change)
    return _clock(world)


def _clock(world: World) -> Answer:
    return Reply.of(world.show_clock())


def _world(world: World) -> Json:
    return {
        "name": world.name,
        "tenantId": world.tenant_id,
        "runs": len(world),
        "seed": world.seed,
        "now": to_text(world.clock.now()),
    }


def _whole(number: float | None) -> int | None:
    """JSON Schema counts 5.0 as an integer; Python does not."""
    return None if number is None else int(number)
