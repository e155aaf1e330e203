"""The numbers of requests of replicas: each takes blocks of them, which no other one has."""

from collections.abc import Iterator

SIZE = 100_000
"""Numbers in a block."""


class NumberBlocks:
    """Numbers from blocks, of which the next is taken when half of one is used.

    Before the first block, and where the next is not there in time because the store fails, they
    go on all the same, and may be those of another replica.
    """

    def __init__(self) -> None:
        self.newest = 0
        """The highest block that was taken; the first is 1."""
        self._number = 0
        self._following: int | None = None

    @property
    def wanted(self) -> bool:
        """Whether another block is to be taken."""
        return self._following is None and self._number > self.newest * SIZE - SIZE // 2

    def take(self, block: int) -> None:
        """Add a block."""
        if self.newest:
            self._following = block
        else:
            self._number = max(self._number, (block - 1) * SIZE)
        self.newest = max(self.newest, block)

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        self._number += 1
        if self._number % SIZE == 1 and self._following is not None:
            self._number = (self._following - 1) * SIZE + 1
            self._following = None
        return self._number
