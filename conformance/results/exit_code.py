"""Conclude a run: from the verdicts of all requirements to one exit code and its words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from conformance.results.record import Shard
from conformance.vocabulary import ExitCode, Verdict

WORDS: Mapping[ExitCode, str] = MappingProxyType(
    {
        ExitCode.CONFORMANT: "conformant",
        ExitCode.NOT_CONFORMANT: "not conformant",
        ExitCode.NO_VERDICT: "no verdict",
        ExitCode.INTERRUPTED: "interrupted",
    }
)
"""The conclusion in words, for reports."""


class Outcome(Protocol):
    """The parts of a report that the conclusion depends on."""

    @property
    def counts(self) -> Mapping[Verdict, int]: ...
    @property
    def strict(self) -> bool: ...
    @property
    def interrupted(self) -> bool: ...
    @property
    def problem(self) -> str: ...
    @property
    def stale_waivers(self) -> tuple[str, ...]: ...
    @property
    def tested(self) -> int: ...
    @property
    def gating_untested(self) -> tuple[str, ...]: ...
    @property
    def shard(self) -> Shard | None: ...
    @property
    def lost(self) -> tuple[str, ...]: ...


def exit_code(outcome: Outcome) -> ExitCode:
    """Return the exit code: a violation outweighs a problem, a problem outweighs passing.

    An expired or unused waiver is a problem, and so is a requirement that was not tested, as far as
    that counts. A shard has no verdict: its exit code says whether its own part failed already.
    """
    counts = outcome.counts
    if outcome.interrupted:
        return ExitCode.INTERRUPTED
    if counts[Verdict.VIOLATION] or (outcome.strict and counts[Verdict.DEVIATION]):
        return ExitCode.NOT_CONFORMANT
    if outcome.shard is not None:
        # Whether it is conformant, only all shards together can say.
        incomplete = outcome.problem or counts[Verdict.ERROR] or outcome.lost
        return ExitCode.NO_VERDICT if incomplete else ExitCode.CONFORMANT
    if outcome.problem or outcome.stale_waivers or counts[Verdict.ERROR] or not outcome.tested:
        return ExitCode.NO_VERDICT
    if outcome.gating_untested or outcome.lost:
        return ExitCode.NO_VERDICT
    return ExitCode.CONFORMANT
