"""The clock of a world: show, freeze, resume, scale, advance."""

from collections.abc import Callable

from mock_server.engine.clock import DAY, SECOND, Clock
from mock_server.engine.enums import RunStatus
from mock_server.errors import HttpError
from mock_server.http.call import BodyResponse, Call, DeferredResponse, Handler, Response
from mock_server.worlds.advance import advance_by, advance_to_next, advance_until
from mock_server.worlds.cooperative import Work
from mock_server.worlds.world import World


def functions() -> dict[str, Handler]:
    """Return the functions of clocks."""
    return {
        "showClock": show,
        "freezeClock": lambda call: DeferredResponse(_change(call, Clock.freeze)),
        "resumeClock": lambda call: DeferredResponse(_change(call, Clock.resume)),
        "scaleClock": scale,
        "advanceClock": lambda call: DeferredResponse(_advance_world(call)),
    }


def show(call: Call) -> Response:
    return BodyResponse.json(call.world.show_clock())


def scale(call: Call) -> Response:
    return DeferredResponse(_change(call, lambda clock: clock.rescale(call.body["scale"])))


async def _change(call: Call, change: Callable[[Clock], None]) -> Response:
    async with call.worlds.exclusive(call.tenant) as world:
        await call.worlds.runner.run(world.change_clock(change))
        return BodyResponse.json(world.show_clock())


async def _advance_world(call: Call) -> Response:
    async with call.worlds.exclusive(call.tenant) as world:
        reached = await call.worlds.runner.run(_advance(call, world))
        return BodyResponse.json(
            world.show_clock() | ({} if reached is None else {"reached": reached})
        )


def _advance(call: Call, world: World) -> Work[bool | None]:
    """Return whether the condition was reached; None without one."""
    until = call.body.get("until")
    seconds = call.body.get("seconds")
    maximum = DAY if seconds is None else round(seconds * SECOND)
    if until is not None:
        run = world.find(until["run"].lower())
        if run is None:
            raise HttpError(404, f"The world {call.tenant!r} has no run {until['run']}")
        wanted = RunStatus(until["status"])
        return (yield from advance_until(world, lambda: run.state.status is wanted, maximum))
    if call.body.get("toNext"):
        return (yield from advance_to_next(world, maximum))
    yield from advance_by(world, maximum)
    return None
