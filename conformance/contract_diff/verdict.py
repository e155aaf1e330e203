"""Decide the verdict on the changes of a contract: which count or are waived, the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from conformance import __version__
from conformance.contract_diff.change import Audience, Change, Impact
from conformance.contract_diff.compare_contracts import Difference
from conformance.results.waivers import Waiver
from conformance.vocabulary import ExitCode

FORMAT = 1
CLIENTS = (Audience.SENDER, Audience.RECEIVER)


@dataclass(frozen=True, slots=True)
class Policy:
    """The changes that fail: these impacts on these audiences, weak evidence only if `strict`."""

    impacts: Collection[Impact] = (Impact.BREAKING,)
    audiences: Collection[Audience] = CLIENTS
    strict: bool = False

    def fails(self, change: Change) -> bool:
        """Return whether the change counts."""
        return any(
            effect.impact in self.impacts and (self.strict or effect.level.gates)
            for effect in map(change.effect, self.audiences)
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """A change, whether it counts, and the waiver that tolerates it."""

    change: Change
    counts: bool
    waiver: Waiver | None

    @property
    def fails(self) -> bool:
        """Return whether the change fails the comparison."""
        return self.counts and self.waiver is None

    def to_json(self) -> dict[str, Any]:
        """Return the change as the JSON report has it."""
        waiver = self.waiver and {
            "reason": self.waiver.reason,
            "owner": self.waiver.owner,
            "expires": self.waiver.expires,
        }
        return self.change.to_json() | {"fails": self.fails, "waiver": waiver}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judged changes, worst first, and a line for each waiver that is expired or unused."""

    difference: Difference
    view: str
    policy: Policy
    changes: tuple[Judged, ...]
    stale_waivers: tuple[str, ...] = ()

    @property
    def failing(self) -> tuple[Judged, ...]:
        """Return the changes that fail the comparison."""
        return tuple(each for each in self.changes if each.fails)

    @property
    def counts(self) -> dict[Impact, int]:
        """Return the number of changes by their impact on clients."""
        found = Counter(each.change.impact for each in self.changes)
        return {impact: found[impact] for impact in Impact}

    @property
    def bump(self) -> str:
        """Return the semantic version part that the changes ask for."""
        if any(each.counts for each in self.changes):
            return "major"
        return "minor" if self.changes else "none"

    @property
    def exit_code(self) -> ExitCode:
        """Return 1 if a change fails, 2 if a waiver is expired or unused, else 0."""
        if self.failing:
            return ExitCode.NOT_CONFORMANT
        return ExitCode.NO_VERDICT if self.stale_waivers else ExitCode.CONFORMANT

    @property
    def headline(self) -> str:
        """Return the verdict in one sentence."""
        if not self.changes:
            return "The contract did not change."
        failing, waived = len(self.failing), sum(each.waiver is not None for each in self.changes)
        said = f"{_counted(failing, 'change')} {'fails' if failing == 1 else 'fail'}"
        noted = f", {waived} waived" if waived else ""
        return f"{said}{noted}, of {_counted(len(self.changes), 'change')} in all."

    @property
    def advice(self) -> str:
        """Return a remark on the versions, or nothing."""
        old, new = self.difference.versions
        if self.bump == "major" and old and old.partition(".")[0] == new.partition(".")[0]:
            return f"A breaking change needs a new major version: {old} is followed by {new}."
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON report."""
        return {
            "format": FORMAT,
            "kit": __version__,
            "old": self.difference.names[0],
            "new": self.difference.names[1],
            "versions": list(self.difference.versions),
            "view": self.view,
            "strict": self.policy.strict,
            "failOn": sorted(self.policy.impacts),
            "audiences": sorted(self.policy.audiences),
            "conclusion": self.headline,
            "bump": self.bump,
            "exitCode": int(self.exit_code),
            "counts": {impact.value: number for impact, number in self.counts.items()},
            "staleWaivers": list(self.stale_waivers),
            "changes": [each.to_json() for each in self.changes],
        }


def judge(
    difference: Difference,
    policy: Policy,
    waivers: Collection[Waiver] = (),
    *,
    view: str = "full",
    today: str = "",
) -> Verdict:
    """Return the verdict on the changes. `today` is a date as YYYY-MM-DD."""
    valid = [waiver for waiver in waivers if not waiver.expired(today)]
    judged = tuple(_judged(change, policy, valid) for change in difference.changes)
    used = [each.waiver for each in judged if each.waiver is not None]
    stale = [
        f"{waiver.where}: {'expired on ' + waiver.expires if waiver not in valid else 'unused'}"
        for waiver in waivers
        if waiver not in used
    ]
    return Verdict(difference, view, policy, judged, tuple(stale))


def _judged(change: Change, policy: Policy, waivers: Collection[Waiver]) -> Judged:
    counts = policy.fails(change)
    covering = (waiver for waiver in waivers if waiver.covers(change.id.upper()))
    return Judged(change, counts, next(covering, None) if counts else None)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
