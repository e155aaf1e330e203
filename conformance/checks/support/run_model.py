"""Model a run: the statuses in which it may be seen next, and the fields that must not change.

Behaviour that the contract leaves open is learned when it is first seen, and must stay the same
from then on.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.assertions.matchers import unchanged
from conformance.vocabulary import FINISHED, Level, Status

ANY_END = frozenset({Status.COMPLETED, Status.FAILED})
_CONSTANT = ("id", "automationId", "automationVersionId", "tenantId", "createdAt")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Hold why an observation does not fit, and how well the expectation is founded."""

    why: str
    level: Level = Level.DERIVED


@dataclass(slots=True)
class RunModel:
    """One run: where it may be (`allowed`), how it may end by itself (`ends`; nothing: not within a
    sequence of calls), and how it was when it was seen finished.

    `ends_in_time` says that it must end in reasonable time where such runs have done so before,
    `cancelling` that a cancel was accepted that may not be done yet; `kept` are the steps that a
    retry left completed.
    """

    run_id: str
    ends: frozenset[Status]
    ends_in_time: bool = False
    cancelling: bool = False
    allowed: frozenset[Status] = frozenset(Status)
    first: dict[str, Any] | None = None
    final: dict[str, Any] | None = None
    final_steps: list[dict[str, Any]] | None = None
    keys: frozenset[str] | None = None
    kept: frozenset[str] = frozenset()

    def observe_run(self, run: dict[str, Any]) -> Mismatch | None:
        """Return how the run contradicts the model; if it does not, update the model from it."""
        try:
            status = Status(str(run.get("status")))
        except ValueError:
            return Mismatch(f"its status is {run.get('status')!r}", Level.ANALOGUE)
        if status not in self.allowed:
            level = Level.ANALOGUE if self.final is None else Level.DERIVED
            return Mismatch(
                f"it is {status.value}, and could only be {_words(self.allowed)}", level
            )
        self.first = self.first or run
        if why := unchanged(self.first, run, _CONSTANT):
            return Mismatch(why)
        if self.final is not None and (why := unchanged(self.final, run)):
            return Mismatch(f"it had finished, and {why}")
        self.allowed = self._from_here(status)
        if status.finished:
            self.final = run
        return None

    def observe_steps(self, steps: list[dict[str, Any]], status: Status) -> Mismatch | None:
        """The same for its steps, where the run was in this status before and after they were
        read."""
        by_key = {str(step["key"]): step for step in steps}
        self.keys = self.keys or frozenset(by_key)
        if self.keys != by_key.keys():
            return Mismatch(f"its steps were {sorted(self.keys)} and are {sorted(by_key)}")
        for key in sorted(self.kept):
            if by_key[key]["status"] != "completed":
                why = f"the step {key!r} had completed, was kept, and is {by_key[key]['status']}"
                return Mismatch(why, Level.INFERRED)
        if status.finished:
            for before in self.final_steps or ():
                if moved := unchanged(before, by_key[str(before["key"])]):
                    return Mismatch(f"it had finished, and of the step {before['key']!r} {moved}")
            self.final_steps = steps
        return _contradiction(status, {str(step["status"]) for step in steps})

    def cancel_accepted(self, status: object) -> None:
        """It is cancelled, or will be unless its work is done sooner (Q10)."""
        if status == Status.CANCELLED:
            self.allowed = frozenset({Status.CANCELLED})
        else:
            self.cancelling = True
            self.ends |= {Status.CANCELLED}
            self.allowed = frozenset({Status.PENDING, Status.RUNNING}) | self.ends

    def retry_accepted(self, ends: Iterable[Status], kept: Iterable[str]) -> None:
        """It starts over, but for the steps that are kept."""
        self.ends = frozenset(ends)
        self.kept = frozenset(kept)
        self.cancelling = False
        self.allowed = frozenset({Status.PENDING, Status.RUNNING}) | self.ends
        self.final = self.final_steps = None

    def lose_track(self) -> None:
        """It changed while it was spoken to: anything is possible until it is seen again."""
        self.ends = FINISHED
        self.kept = frozenset()
        self.allowed = frozenset(Status)
        self.final = self.final_steps = None

    def _from_here(self, status: Status) -> frozenset[Status]:
        if status.finished:
            return frozenset({status})
        ahead = {Status.PENDING, Status.RUNNING} if status is Status.PENDING else {Status.RUNNING}
        return frozenset(ahead) | self.ends


def list_mismatch(
    models: Iterable[RunModel], max_listed: int, page: Mapping[str, Any]
) -> Mismatch | None:
    """Return how a list that one page holds contradicts the models; None if it does not.

    As a list may lag, the models are not updated from it.
    """
    items, total = page["items"], page["total"]
    if total > max_listed:
        return None
    if len(items) != total:
        return Mismatch(f"the total is {total}, and {len(items)} runs are listed")
    for model in models:
        listed = [item for item in items if item["id"] == model.run_id]
        if len(listed) != 1:
            return Mismatch(f"the run {model.run_id} is there {len(listed)} times")
        if wrong := replace(model).observe_run(listed[0]):
            return Mismatch(f"run {model.run_id}: {wrong.why}", wrong.level)
    return None


@dataclass(slots=True)
class LearnedBehaviour:
    """Hold the first result of the implementation in each situation."""

    answers: dict[Hashable, tuple[Any, str]] = field(default_factory=dict)

    def check(self, situation: Hashable, observed: Any, summary: str) -> Mismatch | None:
        """Return a mismatch if this situation had another result before."""
        before, then = self.answers.setdefault(situation, (observed, summary))
        return (
            None if before == observed else Mismatch(f"{summary}; before, {then}", Level.INFERRED)
        )


def _contradiction(run: Status, steps: set[str]) -> Mismatch | None:
    if run is Status.COMPLETED and (final := steps & {"pending", "running", "failed"}):
        return Mismatch(f"it has completed, and it has a step that is {min(final)}")
    if run is Status.FAILED and "failed" not in steps:
        return Mismatch("it has failed, and none of its steps has", Level.ANALOGUE)
    if run.finished and "running" in steps:
        return Mismatch(f"it is {run.value}, and a step is running", Level.INFERRED)
    return None


def _words(statuses: frozenset[Status]) -> str:
    return " or ".join(status.value for status in Status if status in statuses) or "nothing"
