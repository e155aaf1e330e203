"""Where every identifier and every bit of chance comes from: one seed, one story.

A ``Chance`` is drawn from a seed and a path of names (world, run, …), so what one run draws never
depends on what another drew before it.
"""

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar
from uuid import UUID, uuid5

T = TypeVar("T")

_NAMESPACE = UUID("6f9b1c52-3c1e-4f0e-9a55-0d5a4c1b7e21")


@lru_cache(maxsize=4_096)
def stable_id(*path: str) -> str:
    """A UUID that depends on ``path`` alone: for tenants and automations, the same in all seeds."""
    return str(uuid5(_NAMESPACE, "/".join(path)))


class Chance:
    """A stream of draws that depends on the seed and the path alone."""

    def __init__(self, seed: int, *path: object) -> None:
        self.random = random.Random("/".join(map(str, (seed, *path))))  # noqa: S311 - no secrets

    def uuid(self) -> str:
        """A version 4 UUID in canonical form."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def between(self, least: int, most: int) -> int:
        """A whole number from ``least`` to ``most``, both included."""
        return least if least == most else self.random.randint(least, most)

    def one_of(self, choices: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """One of ``choices``, each as likely as its weight says."""
        return self.random.choices(choices, weights)[0]

    def happens(self, probability: float) -> bool:
        """True in ``probability`` of all cases."""
        return self.random.random() < probability
