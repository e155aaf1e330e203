"""Large work in slices, so that whoever asks something else meanwhile is answered.

Work is a generator that yields wherever it can be interrupted, at least every few milliseconds, and
returns what it was for. A world that is worked on may be read in between: it is as far as it got.
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
"""Real seconds after which others have their turn; however much work is under way shares them."""


_LONG = 20
"""Slices after which work counts as long."""


class WorkRunner:
    """All large work of one mock; none goes on once it is ``closed``."""

    def __init__(self) -> None:
        self._under_way = 0
        self.closed = False

    async def do(self, work: Work[T]) -> T:
        """What ``work`` returns. Raises what it raises, and Refused (503) when the mock stops."""
        self._under_way += 1
        runner = 0
        try:
            until = monotonic() + TIME_SLICE / self._under_way
            while True:
                next(work)
                if monotonic() >= until:
                    runner += 1
                    if runner > _LONG:
                        # What it makes is there to stay, and there is much of it: to look through
                        # it for garbage again and again would hold everybody up.
                        gc.freeze()
                    await asyncio.sleep(0)
                    if self.closed:
                        raise HttpError(503, "The mock is stopping.")
                    until = monotonic() + TIME_SLICE / self._under_way
        except StopIteration as end:
            value: T = end.value
            return value
        finally:
            self._under_way -= 1
            work.close()

    def close(self) -> None:
        """Let no work go on."""
        self.closed = True


def run_to_end(work: Work[T]) -> T:
    """What ``work`` returns, without a break. Raises what it raises."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            value: T = end.value
            return value
