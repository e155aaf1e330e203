"""What is written on a check: the requirement that it decides, what it wants begun before all
others, and the runs that it uses up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from conformance.harness.context import Kit
from conformance.vocabulary import State

MARKER = "requirement"


def requirement(
    requirement_id: str,
    early: Callable[[Kit], object] | None = None,
    wants: Sequence[State] = (),
) -> pytest.MarkDecorator:
    """Bind a check to the requirement that it decides.

    `early` is called before the first check and the check itself comes last, for what takes its
    time by itself: a stream that is listened to meanwhile. `wants` are runs that the check uses up
    when they have finished: they are made ahead, so that nobody has to watch them get there.
    """
    mark: pytest.MarkDecorator = getattr(pytest.mark, MARKER)
    return mark(requirement_id, early=early, wants=wants)


def requirement_of(item: pytest.Item) -> str | None:
    """The requirement that a collected check is bound to."""
    marker = item.get_closest_marker(MARKER)
    return str(marker.args[0]) if marker else None


def early_of(item: pytest.Item) -> Callable[[Kit], object] | None:
    """What a check wants begun before the first check."""
    marker = item.get_closest_marker(MARKER)
    return marker.kwargs.get("early") if marker else None


def wants_of(item: pytest.Item) -> Sequence[State]:
    """The runs that a check uses up."""
    marker = item.get_closest_marker(MARKER)
    return marker.kwargs.get("wants", ()) if marker else ()
