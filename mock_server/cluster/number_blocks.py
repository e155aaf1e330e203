"""The numbers of requests of replicas: each takes blocks of them, which no other one has.

A replica leaves its block for a newer one as soon as it learns that another one uses a newer one.
So numbers grow with time over all replicas, but for those of the last moments.
"""

from collections.abc import Iterator

from mock_server.engine.randomness import new_token

SIZE = 50_000
"""Numbers in a block; half of it is more than the requests of a second."""

_BEYOND = 2**50
"""Where the numbers begin that are drawn, because the store fails and a block is used up."""


class NumberBlocks:
    """Numbers from the newest ``block`` that was taken; the first is 1."""

    def __init__(self) -> None:
        self.block = 0
        self._number = self._last = 0

    @property
    def used(self) -> int:
        """The block, if one of its numbers is used; 0 otherwise."""
        return self.block if self._number > (self.block - 1) * SIZE else 0

    @property
    def wanted(self) -> bool:
        """Whether another block is needed in any case."""
        return self._number >= self._last - SIZE // 2

    def take(self, block: int) -> None:
        """Go on with another block."""
        self.block = block
        self._number, self._last = (block - 1) * SIZE, block * SIZE

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if self._number == self._last:
            self._number = _BEYOND + hash(new_token()) % _BEYOND
            self._last = self._number + SIZE // 2
        self._number += 1
        return self._number
