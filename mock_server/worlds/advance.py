"""Moving a world through time: by so much, until something has happened, or up to its clock's now.

How much may happen on one request is bounded; beyond it the answer says how far the world has got.
"""

from collections.abc import Callable
from functools import partial

from mock_server.engine.clock import MINUTE, Clock, to_text
from mock_server.errors import HttpError
from mock_server.worlds.cooperative import Work
from mock_server.worlds.world import World

MAX_EVENTS = 250_000
"""How many events one request may cause: an advance, or the first after a long absence."""


def advance_by(world: World, duration: int) -> Work[None]:
    """Move forward by ``duration`` milliseconds, and let whatever becomes due happen.

    Raises HttpError (409) where that would be too much at once, or where the world is closed
    meanwhile; it has then gone as far as it may."""
    latest = world.clock.now() + duration
    enough = world.engine.event_count + MAX_EVENTS
    while (due := world.next_due) is not None and due + MINUTE < latest:
        yield from world.change_clock(partial(_forward_to, due + MINUTE))
        _refuse_beyond(world, enough)
    yield from world.change_clock(partial(_forward_to, latest))


def advance_until(world: World, reached: Callable[[], bool], most: int) -> Work[bool]:
    """Move from one event to the next until ``reached``, by ``most`` milliseconds at the most;
    whether it was. Raises HttpError (409), as ``advance_by`` does."""
    latest = world.clock.now() + most
    enough = world.engine.event_count + MAX_EVENTS
    while not reached():
        _refuse_beyond(world, enough)
        due = world.next_due
        if due is None or due > latest:
            break
        yield from world.change_clock(partial(_forward_to, due))
    else:
        return True
    yield from world.change_clock(partial(_forward_to, latest))
    return reached()


def catch_up_completely(world: World) -> Work[None]:
    """Let everything happen that is due by now.

    Raises HttpError (503) where that would be too much at once; it has then gone as far as it
    may, and its clock is back there with it: one that runs ahead for ever could not be caught."""
    now = world.clock.now()
    enough = world.engine.event_count + MAX_EVENTS
    while not world.catch_up_to(now):
        if world.engine.event_count > enough:
            world.clock.set_to(world.engine.now)
            raise HttpError(
                503,
                f"The world {world.name!r} could not keep up with its clock: {MAX_EVENTS} events "
                "have happened, the most for one request. Its clock goes on from "
                f"{to_text(world.engine.now)}: slow it down, or have less happen.",
                {"Retry-After": "1"},
            )
        yield


def _refuse_beyond(world: World, enough: int) -> None:
    if world.engine.event_count > enough:
        raise HttpError(
            409,
            f"{MAX_EVENTS} events have happened, the most for one advance, and the clock "
            f"stands at {to_text(world.clock.now())}: advance again for the rest.",
        )


def _forward_to(instant: int, clock: Clock) -> None:
    clock.advance(max(instant - clock.now(), 0))
