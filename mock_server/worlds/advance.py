"""Advancing a world: by a duration, to the next event, until a condition holds, or up to its
clock's now.

The number of events per request is bounded; beyond it the response says how far the world has got.
"""

from collections.abc import Callable
from functools import partial

from mock_server.engine.clock import MINUTE, Clock, to_text
from mock_server.errors import HttpError
from mock_server.worlds.cooperative import Work
from mock_server.worlds.world import World

MAX_EVENTS = 250_000
"""The maximum of events that one request can cause, as an advance or by catching up."""


def advance_by(world: World, duration: int) -> Work[None]:
    """Advance by ``duration`` milliseconds and let what becomes due happen.

    Raise HttpError (409) after the maximum of events, and where the world is closed meanwhile.
    """
    latest = world.clock.now() + duration
    max_events = world.engine.event_count + MAX_EVENTS
    while (due := world.next_due) is not None and due + MINUTE < latest:
        yield from world.change_clock(partial(_forward_to, due + MINUTE))
        _check_maximum(world, max_events)
    yield from world.change_clock(partial(_forward_to, latest))


def advance_until(world: World, reached: Callable[[], bool], maximum: int) -> Work[bool]:
    """Advance from event to event until ``reached``, by at most ``maximum`` milliseconds.

    Return whether it was reached. Raise HttpError (409), as ``advance_by`` does.
    """
    latest = world.clock.now() + maximum
    max_events = world.engine.event_count + MAX_EVENTS
    while not reached():
        _check_maximum(world, max_events)
        due = world.next_due
        if due is None or due > latest:
            break
        yield from world.change_clock(partial(_forward_to, due))
    else:
        return True
    yield from world.change_clock(partial(_forward_to, latest))
    return reached()


def advance_to_next(world: World, maximum: int) -> Work[bool]:
    """Advance to the next event, by at most ``maximum`` milliseconds.

    Return whether one is due until then; without one, the clock is left as it is.
    """
    due = world.next_due
    if due is None or due > world.clock.now() + maximum:
        return False
    yield from world.change_clock(partial(_forward_to, due))
    return True


def catch_up_completely(world: World) -> Work[None]:
    """Let everything happen that is due by now.

    Raise HttpError (503) after the maximum of events. The clock is then set back to the last of
    them, because the world could never catch up with a clock that is always ahead.
    """
    now = world.clock.now()
    max_events = world.engine.event_count + MAX_EVENTS
    while not world.catch_up_to(now):
        if world.engine.event_count > max_events:
            world.clock.set_to(world.engine.now)
            for observer in world.observers:
                observer.clock_changed()
            raise HttpError(
                503,
                f"The world {world.name!r} could not keep up with its clock: {MAX_EVENTS} events "
                "have happened, the maximum of one request. Its clock continues from "
                f"{to_text(world.engine.now)}: slow it down, or have less happen.",
                {"Retry-After": "1"},
            )
        yield


def _check_maximum(world: World, max_events: int) -> None:
    if world.engine.event_count > max_events:
        raise HttpError(
            409,
            f"{MAX_EVENTS} events have happened, the maximum of one advance, and the clock "
            f"stands at {to_text(world.clock.now())}: advance again for the rest.",
        )


def _forward_to(instant: int, clock: Clock) -> None:
    clock.advance(max(instant - clock.now(), 0))
