"""The newest changes of one kind, each thing once, for clients that catch up.

Every change has a number that grows, and a client is a position among these numbers. So no change
is kept per client, however slow it is.
"""

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Hashable
from itertools import takewhile
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_MAX_REMOVED = 10_000


class ChangeLog(Generic[K]):
    """What has changed, at most ``maximum`` things, in the order of their last changes.

    ``floor`` is the number up to which changes may be neither kept nor counted.
    """

    def __init__(self, maximum: int, floor: int) -> None:
        self._maximum = maximum
        self._numbers: OrderedDict[K, int] = OrderedDict()
        self._removed: deque[int] = deque()
        self.floor = floor

    def add(self, key: K, number: int) -> None:
        """Note that ``key`` has changed; remove the oldest change beyond the maximum."""
        self._numbers[key] = number
        self._numbers.move_to_end(key)
        if len(self._numbers) > self._maximum:
            self._removed.append(self._numbers.popitem(last=False)[1])
            if len(self._removed) > _MAX_REMOVED:
                self.floor = self._removed.popleft()

    def since(self, position: int) -> list[tuple[K, int]]:
        """Return what has changed after ``position``, and the number of each change."""
        newer = takewhile(lambda item: item[1] > position, reversed(self._numbers.items()))
        return list(newer)[::-1]

    def removed_since(self, position: int) -> int:
        """Count the changes after ``position`` that are no longer kept."""
        if not self._removed or self._removed[-1] <= position:
            return 0
        return len(self._removed) - bisect_right(self._removed, position)
