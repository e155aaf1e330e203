"""Select single checks of a run: those of a failure that is replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conformance.vocabulary import State


@dataclass(frozen=True, slots=True)
class CheckSelection:
    """Run only these checks, each named by its requirement and its name, and provide runs only in
    these states. `gaps` are the seconds to leave before each request of a check."""

    checks: frozenset[tuple[str, str]]
    states: frozenset[State]
    gaps: Mapping[tuple[str, str], Sequence[float]] = field(default_factory=dict)
