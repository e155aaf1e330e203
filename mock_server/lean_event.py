"""An event that tasks wait for, small enough for each of many streams to have several."""

import asyncio


class LeanEvent:
    """As ``asyncio.Event``, which takes 760 bytes for the queue of those that wait."""

    __slots__ = ("_happened", "_waiting")

    def __init__(self) -> None:
        self._happened = False
        self._waiting: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        """Return whether it has happened since the last ``clear``."""
        return self._happened

    def set(self) -> None:
        """Let all go on that wait, and those that will."""
        self._happened = True
        if self._waiting is not None:
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_result(None)

    def clear(self) -> None:
        """Let those wait that come from now on."""
        self._happened = False

    async def wait(self) -> None:
        """Return when it has happened."""
        if self._happened:
            return
        waiting = asyncio.get_running_loop().create_future()
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(waiting)
        try:
            await waiting
        finally:
            self._waiting.remove(waiting)
            if not self._waiting:
                self._waiting = None
