"""Waiting without sleep for a reply that may come at once.

A process that sleeps has to be woken, which takes as long as the whole work of a server on the same
machine. So the event loop does not sleep for a moment, in which it does everything else as usual.
"""

import asyncio

from mock_server.engine.clock import monotonic

SOON = 0.0003
"""Real seconds for which a reply is waited for without sleep, if the last one came so quickly."""


class BusyPoll:
    """Keeps the event loop awake while replies are awaited that may come soon."""

    __slots__ = ("_polling", "_soon", "_until", "_waiting")

    def __init__(self) -> None:
        self._waiting = 0
        self._until = 0.0
        self._soon = False
        self._polling = False

    def begin(self) -> float:
        """Note that a reply is awaited from now on, and return that moment."""
        now = monotonic()
        self._waiting += 1
        if self._soon:
            self._until = now + SOON
            if not self._polling:
                self._poll()
        return now

    def end(self, began: float) -> None:
        """Note that the reply has come, or never will."""
        self._waiting -= 1
        self._soon = monotonic() - began < SOON

    def _poll(self) -> None:
        # A loop with something to call does not sleep.
        self._polling = self._waiting > 0 and monotonic() < self._until
        if self._polling:
            asyncio.get_running_loop().call_soon(self._poll)
