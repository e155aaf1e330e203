"""Delays in real time that end early when nothing waits for them any more.

A delay ends when the client disconnects and when its world is closed: by a reset, or because the
server stops.
"""

import asyncio
from collections.abc import Callable

from starlette.types import Receive


class Delays:
    """All delays in progress in one world."""

    __slots__ = ("_closed", "_in_progress")

    def __init__(self) -> None:
        self._closed = False
        self._in_progress: set[Callable[[], None]] = set()

    async def wait(self, seconds: float | None, receive: Receive) -> None:
        """Wait for ``seconds``; None waits until the client disconnects."""
        if self._closed:
            return
        over = asyncio.Event()
        self._in_progress.add(over.set)
        disconnected = asyncio.create_task(until_disconnected(receive))
        disconnected.add_done_callback(lambda _: over.set())
        loop = asyncio.get_running_loop()
        timer = None if seconds is None else loop.call_later(seconds, over.set)
        try:
            await over.wait()
        finally:
            disconnected.cancel()
            self._in_progress.discard(over.set)
            if timer is not None:
                timer.cancel()

    def close(self) -> None:
        """End every delay and start no further one."""
        self._closed = True
        for end in list(self._in_progress):
            end()


async def until_disconnected(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
