"""The numbers of requests, shared by the workers of one mock."""

from collections.abc import Iterator
from mmap import mmap


class SharedNumbers(Iterator[int]):
    """Numbers that grow over all workers: each gets those with its own remainder.

    So a number says which worker has the request, and none comes twice, also after a worker has
    been started again. Create it before the workers, and set ``index`` in each.
    """

    def __init__(self, workers: int) -> None:
        self.index = 0
        self._workers = workers
        self._newest = memoryview(mmap(-1, 8 * workers)).cast("Q")

    def __next__(self) -> int:
        newest = max(self._newest)
        number = newest + 1 + (self.index - newest - 1) % self._workers
        self._newest[self.index] = number
        return number

    def worker_of(self, number: int) -> int:
        """Return the index of the worker whose number that is."""
        return number % self._workers
