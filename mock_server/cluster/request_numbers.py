"""The numbers of requests, shared by the workers of one mock."""

from collections.abc import Iterator
from mmap import mmap


class SharedNumbers:
    """Numbers that grow over all workers: each gets those with its own remainder.

    So a number says which worker has the request, and none comes twice, also after a worker has
    been started again. Create it before the workers, and set ``index`` in each before its first
    number.
    """

    def __init__(self, workers: int) -> None:
        self.index = 0
        self._workers = workers
        self._newest = memoryview(mmap(-1, 8 * workers)).cast("Q")

    def __iter__(self) -> Iterator[int]:
        newest, index, workers = self._newest, self.index, self._workers
        while True:
            following = max(newest) + 1
            newest[index] = number = following + (index - following) % workers
            yield number

    def worker_of(self, number: int) -> int:
        """Return the index of the worker whose number that is."""
        return number % self._workers
