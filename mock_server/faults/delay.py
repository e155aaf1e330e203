"""Real time that passes on purpose, for as long as it is of use to anybody.

A pause ends early when the one who waits for the answer has left, and when its world is closed: by
a reset, or because the server stops.
"""

import asyncio
from collections.abc import Callable

from starlette.types import Receive


class Delays:
    """Every pause under way in one world."""

    __slots__ = ("_closed", "_under_way")

    def __init__(self) -> None:
        self._closed = False
        self._under_way: set[Callable[[], None]] = set()

    async def wait(self, seconds: float | None, receive: Receive) -> None:
        """Let ``seconds`` pass; None waits for the one who listens to leave."""
        if self._closed:
            return
        over = asyncio.Event()
        self._under_way.add(over.set)
        gone = asyncio.create_task(until_disconnected(receive))
        gone.add_done_callback(lambda _: over.set())
        loop = asyncio.get_running_loop()
        timer = None if seconds is None else loop.call_later(seconds, over.set)
        try:
            await over.wait()
        finally:
            gone.cancel()
            self._under_way.discard(over.set)
            if timer is not None:
                timer.cancel()

    def close(self) -> None:
        """End every pause, and let none begin any more."""
        self._closed = True
        for end in list(self._under_way):
            end()


async def until_disconnected(receive: Receive) -> None:
    """Returns when the one who waits for the answer has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
