"""Long work in time slices, so that other requests are served meanwhile.

Work is a generator that yields wherever it can be interrupted, at least every few milliseconds, and
returns its result. A world may be read between two slices: it shows the progress so far.
"""

import asyncio
import gc
from collections.abc import Generator
from typing import TypeVar

from mock_server.engine.clock import monotonic
from mock_server.errors import HttpError

T = TypeVar("T")
Work = Generator[None, None, T]

TIME_SLICE = 0.01
"""Real seconds after which other tasks get a turn; all work in progress shares them."""

_MANY_SLICES = 20
"""From so many slices on, the garbage collector skips what the work has created."""


class WorkRunner:
    """Runs all long work of one mock; none goes on once it is ``closed``."""

    def __init__(self) -> None:
        self._in_progress = 0
        self.closed = False

    async def run(self, work: Work[T]) -> T:
        """Return the result. Raise what the work raises, and HttpError (503) when the mock
        stops."""
        self._in_progress += 1
        slices = 0
        try:
            until = monotonic() + TIME_SLICE / self._in_progress
            while True:
                next(work)
                if monotonic() >= until:
                    slices += 1
                    if slices > _MANY_SLICES:
                        # The result is large and stays: examining it for garbage again and again
                        # would delay everything else.
                        gc.freeze()
                    await asyncio.sleep(0)
                    if self.closed:
                        raise HttpError(503, "The mock is stopping.")
                    until = monotonic() + TIME_SLICE / self._in_progress
        except StopIteration as end:
            value: T = end.value
            return value
        finally:
            self._in_progress -= 1
            work.close()

    def close(self) -> None:
        """Stop all work."""
        self.closed = True


def run_to_end(work: Work[T]) -> T:
    """Return the result of ``work`` without interruption. Raise what it raises."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            value: T = end.value
            return value
