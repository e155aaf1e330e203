"""The source of every identifier and every random choice, all derived from one seed.

A ``SeededRandom`` has no state. A draw depends on the seed, a path of names (world, run, …) and a
purpose, never on earlier draws, so a world that was restored continues as it would have.
"""

import random
import secrets
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TypeVar
from uuid import UUID, uuid5

T = TypeVar("T")

MAX_SEED = 2**53 - 1
"""The largest integer that every JSON parser reads exactly."""

UUID_PATTERN = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
"""The form of every identifier."""

_NAMESPACE = UUID("6f9b1c52-3c1e-4f0e-9a55-0d5a4c1b7e21")
_BITS = 128
_ALL = 2.0**_BITS


def new_token() -> str:
    """Return a token that nothing can predict: the only value that does not follow from a seed."""
    return secrets.token_urlsafe(24)


@lru_cache(maxsize=4_096)
def stable_id(*path: str) -> str:
    """Return a UUID that depends on ``path`` alone: for tenants and automations, under any seed."""
    return str(uuid5(_NAMESPACE, "/".join(path)))


class SeededRandom:
    """Draws that depend on the seed, the path and a purpose: the same purpose draws the same."""

    __slots__ = ("_path",)

    def __init__(self, seed: int, *path: object) -> None:
        self._path = "/".join(map(str, (seed, *path)))

    def uuid(self, *purpose: object) -> str:
        """Return a version 4 UUID in canonical form."""
        digits = f"{self._draw(purpose):032x}"
        variant = "89ab"[int(digits[16], 16) & 3]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )

    def between(self, minimum: int, maximum: int, *purpose: object) -> int:
        """Return an integer from ``minimum`` to ``maximum``, both included."""
        if minimum == maximum:
            return minimum
        return minimum + (self._draw(purpose) * (maximum - minimum + 1) >> _BITS)

    def one_of(self, choices: Sequence[T], weights: Sequence[float], *purpose: object) -> T:
        """Return one of ``choices`` with a probability proportional to its weight."""
        point = self._draw(purpose) / _ALL * sum(weights)
        for choice, weight in zip(choices, weights, strict=True):
            point -= weight
            if point < 0:
                return choice
        return choices[-1]

    def happens(self, probability: float, *purpose: object) -> bool:
        """Return True with ``probability``."""
        return self._draw(purpose) < probability * _ALL

    def reseed(self, generator: random.Random, *purpose: object) -> None:
        """Seed ``generator`` as a new one for that purpose, which takes longer to create."""
        generator.seed(self._draw(purpose))

    def generator(self, *purpose: object) -> random.Random:
        """Return Python's generator for any number of draws."""
        return random.Random(self._draw(purpose))  # noqa: S311 - no secrets

    def _draw(self, purpose: tuple[object, ...]) -> int:
        text = f"{self._path}/{_text(purpose)}".encode()
        return int.from_bytes(blake2b(text, digest_size=_BITS // 8).digest())


def _text(purpose: tuple[object, ...]) -> str:
    """Return ``repr(purpose)``, which takes twice as long."""
    match purpose:
        case (first, second):
            return f"({first!r}, {second!r})"
        case (first, second, third):
            return f"({first!r}, {second!r}, {third!r})"
    return repr(purpose)
