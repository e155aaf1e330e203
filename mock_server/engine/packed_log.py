"""The log of a run that has finished, as bytes: objects for its events take several times as much.

The bytes are the rows of the log in the document of the world, so an export copies them.
"""

from collections.abc import Iterable
from itertools import count
from typing import Any

import orjson

from mock_server.engine.drawn_facts import UNDRAWN, DrawnFacts
from mock_server.engine.enums import EventType
from mock_server.engine.run_state import Event, new_event

_TYPES: dict[str, EventType] = {str(one): one for one in EventType}


def rows(log: Iterable[Event]) -> bytes:
    """Return the rows of ``log`` as a JSON list: instant, type, step and facts of each event."""
    return _dump([event[1:] for event in log])


def _dump(log: list[Any]) -> bytes:
    # Copied, because the renderer takes more memory than it fills and gives it back in pieces.
    return orjson.dumps(log)[:-1] + b"]"


class PackedLog:
    """A log of ``count`` events. ``undrawn`` draws the facts of those that are ``UNDRAWN``, once
    and when they are read."""

    __slots__ = ("_rows", "_undrawn", "count")

    def __init__(self, log: list[Event], undrawn: DrawnFacts | None) -> None:
        self.count = len(log)
        self._undrawn = undrawn
        if undrawn is None:
            self._rows = rows(log)
        else:
            self._rows = _dump(
                [
                    (at, type_, step, None if facts is UNDRAWN else facts)
                    for _, at, type_, step, facts in log
                ]
            )

    @property
    def rows(self) -> bytes:
        """The rows of the log."""
        if self._undrawn is not None:
            self.events()
        return self._rows

    def events(self) -> list[Event]:
        """Return the events of the log."""
        at, types, steps, facts = zip(*orjson.loads(self._rows), strict=True)
        types = tuple(map(_TYPES.__getitem__, types))
        if self._undrawn is not None:
            facts = tuple(map(self._undrawn.complete, facts, count(1), types, steps))
        events = list(map(new_event, zip(count(1), at, types, steps, facts, strict=False)))
        if self._undrawn is not None:
            self._rows, self._undrawn = rows(events), None
        return events
