"""The heartbeats of the workers of one mock: one that is stopped or hangs has none."""

from mmap import mmap


class Heartbeats:
    """A counter for each worker, in memory that all share. Create it before the workers."""

    def __init__(self, workers: int) -> None:
        self._counters = memoryview(mmap(-1, 8 * workers)).cast("Q")
        self._seen = [0] * workers
        self._looks = [0] * workers

    def beat(self, index: int) -> None:
        """Note, in the worker with that index, that its event loop works."""
        self._counters[index] += 1

    def missed(self, index: int) -> int:
        """Return how many looks in a row, this one included, have found no further beat.

        Looks are counted and not seconds, because all processes can be paused together.
        """
        count = self._counters[index]
        self._looks[index] = self._looks[index] + 1 if count == self._seen[index] else 0
        self._seen[index] = count
        return self._looks[index]

    def begin(self, index: int) -> None:
        """Count the looks from now on, because the worker is started."""
        self._looks[index] = 0
