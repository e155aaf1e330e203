"""The clock of a world: show, freeze, resume, scale, advance."""

from collections.abc import Callable

from mock_server.call import Answer, Call, Reply
from mock_server.clock import SECOND, Clock
from mock_server.middleware import Handler


def functions() -> dict[str, Handler]:
    """``showClock``, ``freezeClock``, ``resumeClock``, ``scaleClock`` and ``advanceClock``."""
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
    return _turned(call, lambda clock: clock.advance(round(call.body["seconds"] * SECOND)))


def _turned(call: Call, change: Callable[[Clock], None]) -> Answer:
    call.world.turn(change)
    return show(call)
