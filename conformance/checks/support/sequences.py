"""Keep the state of a search across its sequences of calls, and shorten a failed one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import configuration

from conformance.checks.support.run_model import LearnedBehaviour
from conformance.client.shell_script import ShellScript
from conformance.errors import CheckFailed
from conformance.fuzz.runner import cache_directory
from conformance.vocabulary import State, Status

T = TypeVar("T")
# A step of a sequence and the arguments drawn for it.
Call = tuple[Callable[..., None], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class FailedSequence:
    """A sequence that failed, and why."""

    script: ShellScript
    failure: CheckFailed
    calls: tuple[Call, ...]


@dataclass(slots=True)
class SearchState:
    """Hold the state of a search.

    `learned` is the behaviour seen so far, `ended` the kinds of runs seen to end, `failed` the
    sequence that failed, and `problem` an error outside the implementation. `spare` are the runs
    that are ready, `used` counts those used, and `unavailable` is why others could not be created.
    """

    deadline: float
    learned: LearnedBehaviour = field(default_factory=LearnedBehaviour)
    ended: set[State] = field(default_factory=set)
    failed: FailedSequence | None = None
    problem: Exception | None = None
    batch: int = 4
    spare: dict[tuple[State, Status | None], list[str]] = field(default_factory=dict)
    used: int = 0
    unavailable: Exception | None = None

    @property
    def closed(self) -> bool:
        """Whether the search is over: time is up, or it has a result."""
        late = time.monotonic() > self.deadline
        return late or self.problem is not None or self.failed is not None


def shortest(
    steps: Sequence[T], fails: Callable[[Sequence[T]], bool], deadline: float
) -> Sequence[T]:
    """A part of the steps, in order, that `fails` as well and of which none can be left out; or as
    far as that was found by this time of the monotonic clock."""
    kept, size = list(steps), max(1, len(steps) // 2)
    while size:
        changed = False
        for start in range(len(kept) - size, -1, -size):
            fewer = kept[:start] + kept[start + size :]
            if time.monotonic() > deadline:
                return kept
            if fewer and fails(fewer):
                kept, changed = fewer, True
        if size > 1 or not changed:
            size //= 2
    return kept


@contextmanager
def hypothesis_home() -> Iterator[None]:
    """Keep Hypothesis from writing into the directory that the kit is run in."""
    before = configuration.storage_directory(intent_to_write=False).path
    configuration.set_hypothesis_home_dir(cache_directory())
    try:
        yield
    finally:
        configuration.set_hypothesis_home_dir(before)
