"""How hard to look where cases are made up: a few that are always the same, which a gate can rely
on, or as many as one likes at random, from a seed that repeats them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

GATE_CASES = 12


@dataclass(frozen=True, slots=True)
class FuzzConfig:
    """`cases` for each operation, and as many sequences of calls; without a seed they are the same
    in every run; at most `per_minute` requests a minute, 0 for no limit."""

    cases: int = GATE_CASES
    seed: int | None = None
    per_minute: float = 0.0

    @property
    def again(self) -> str:
        """How to try the same cases once more; empty where that is the case anyhow."""
        return "" if self.seed is None else f"--fuzz {self.cases} --fuzz-seed {self.seed}"


def chosen() -> int:
    """Return a random seed."""
    return secrets.randbelow(2**32)
