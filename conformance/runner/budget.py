"""Divide the budget, so that no part of the run starves another: the checks by hand come first and
leave their shares to the generated tests, the model and checks that end a long observation."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.harness.markers import CheckInfo

FUZZ, MODEL, EARLY = "FUZZ", "MODEL", "early"
# The parts in the order in which they come after the checks by hand, and their shares.
_SHARES = {FUZZ: 0.2, MODEL: 0.15, EARLY: 0.05}


def part_of(info: CheckInfo) -> str:
    """Return the part of the run that the check belongs to; empty for an ordinary one."""
    group = info.requirement.partition("-")[0]
    return EARLY if info.early is not None else group if group in _SHARES else ""


def position(info: CheckInfo) -> int:
    """Return the position of the check's part in the run."""
    return ["", *_SHARES].index(part_of(info))


class Budget:
    """The shares of the parts that have not begun; `seconds` is the budget of the run."""

    def __init__(self, seconds: float = 0.0, checks: Iterable[CheckInfo] = ()) -> None:
        parts = {part_of(info) for info in checks}
        self._shares = {p: share * seconds for p, share in _SHARES.items() if p in parts}
        self._kept = dict(self._shares)

    def begin(self, info: CheckInfo, left: float) -> float:
        """Return the seconds that this check may take of those that are left in the run."""
        self._kept.pop(part_of(info), None)
        return left - sum(self._kept.values())

    def share(self, info: CheckInfo, usual: float) -> float:
        """Return the most seconds for this check: what is `usual`, or the share of
        its part if that is more; generated tests take long on a slow machine."""
        return max(usual, self._shares.get(part_of(info), 0.0))
