"""Making a sequence that fails as short as it can be, by leaving out parts of it and trying again
what is left: halves first, single steps in the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shortest(steps: Sequence[T], fails: Callable[[Sequence[T]], bool], until: float) -> Sequence[T]:
    """A part of the steps, in order, that `fails` as well and of which none can be left out; or as
    far as that was found by this time of the monotonic clock."""
    left, size = list(steps), max(1, len(steps) // 2)
    while size:
        changed = False
        for start in range(len(left) - size, -1, -size):
            fewer = left[:start] + left[start + size :]
            if time.monotonic() > until:
                return left
            if fewer and fails(fewer):
                left, changed = fewer, True
        if size > 1 or not changed:
            size //= 2
    return left
