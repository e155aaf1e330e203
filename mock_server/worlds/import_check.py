"""The proof that an imported world can be shown: everything in it is rendered once.

The document was validated, so this finds nothing, unless a rule for documents is missing. Then the
import fails and the former world stays, instead of a world that returns 500 from then on.
"""

from collections.abc import Sequence

from mock_server.errors import HttpError, RequestValidationError
from mock_server.worlds import serialize, snapshot
from mock_server.worlds.cooperative import Work
from mock_server.worlds.document import Limits
from mock_server.worlds.rendered_events import Replay
from mock_server.worlds.world import World


def prove(world: World, loc: Sequence[str], limits: Limits) -> Work[None]:
    """Render the runs, steps, events and pages of ``world``, its faults, clock and export.

    Raise RequestValidationError, for the document at ``loc``, if anything cannot be rendered.
    """
    try:
        yield from _render(world, limits)
    except HttpError as error:  # It is too large for an export.
        raise RequestValidationError.at(loc, error.reason) from None
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        problem = f"the world cannot be rendered: {type(error).__name__}: {error}"
        raise RequestValidationError.at(loc, problem) from None


def _render(world: World, limits: Limits) -> Work[None]:
    style = world.style()
    for run in world.runs():
        serialize.page([world.peek(run)], len(world))
        serialize.steps(run.state, style)
        replay = Replay(world, run, 0)
        while replay.position < run.event_count:
            replay.read()
            yield
    world.show_clock()
    for active in world.faults:
        active.to_json()
    yield from snapshot.write(world, limits=limits)
