"""The clock of a world: show, freeze, resume, scale, advance."""

from collections.abc import Callable

from mock_server.engine.clock import DAY, SECOND, Clock
from mock_server.engine.vocabulary import RunStatus
from mock_server.errors import Flaw, Invalid, Refused
from mock_server.http.call import Answer, Call, Reply
from mock_server.http.middleware import Handler


def functions() -> dict[str, Handler]:
    """What shows and turns clocks."""
    return {
        "showClock": show,
        "freezeClock": lambda call: _turned(call, Clock.freeze),
        "resumeClock": lambda call: _turned(call, Clock.resume),
        "scaleClock": scale,
        "advanceClock": advance,
    }


def show(call: Call) -> Answer:
    return Reply.of(call.world.show_clock())


def scale(call: Call) -> Answer:
    return _turned(call, lambda clock: clock.rescale(call.body["scale"]))


def advance(call: Call) -> Answer:
    world, until = call.world, call.body.get("until")
    seconds, to_next = call.body.get("seconds"), call.body.get("toNext", False)
    most = DAY if seconds is None else round(seconds * SECOND)
    if until is not None:
        run = world.find(until["run"].lower())
        if run is None:
            raise Refused(404, f"The world {call.tenant!r} has no run {until['run']}")
        wanted = RunStatus(until["status"])
        reached = world.skip(lambda: run.state.status is wanted, most)
        return Reply.of({**world.show_clock(), "reached": reached})
    if to_next:
        due = world.next_due
        there = due is not None and due <= world.engine.now + most
        if there and due is not None:
            world.turn(lambda clock: clock.advance(max(due - clock.now(), 0)))
        return Reply.of({**world.show_clock(), "reached": there})
    if seconds is None:
        raise Invalid([Flaw(("body", "seconds"), "Field required", "missing")])
    world.advance(most)
    return show(call)


def _turned(call: Call, change: Callable[[Clock], None]) -> Answer:
    call.world.turn(change)
    return show(call)
