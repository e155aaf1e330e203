"""The runs of a world that have finished last. They are at hand; those before them are packed."""

from collections import deque
from collections.abc import Callable

from mock_server.engine.run import Run

KEPT = 100


class RecentRuns:
    """Calls ``pack`` with each finished run after ``KEPT`` others were added."""

    def __init__(self, pack: Callable[[Run], None]) -> None:
        self._pack = pack
        self._runs: deque[Run] = deque()

    def add(self, run: Run) -> None:
        """Add a run that has finished. It may go on, and be added again."""
        if not run.packed:
            self._runs.append(run)
        if len(self._runs) > KEPT:
            first = self._runs.popleft()
            if first.finished:
                self._pack(first)

    def close(self) -> None:
        """Pack no run any more."""
        self._runs.clear()
        self._pack = _ignore


def _ignore(_run: Run) -> None:
    """Ignore a run of a closed world."""
