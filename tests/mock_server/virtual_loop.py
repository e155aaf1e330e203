"""An event loop whose time passes at once."""

import asyncio
import selectors
from typing import Any


class _Selector(selectors.SelectSelector):
    """Reports nothing, and lets the time pass for which it should wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "nothing will ever happen"
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; its ``time`` is virtual seconds."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now
