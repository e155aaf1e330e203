"""Define a change of the contract and its impact on each audience."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from conformance.vocabulary import Level


class Audience(StrEnum):
    """Those who depend on the contract: clients that send or read, and the implementation."""

    SENDER = "sender"
    RECEIVER = "receiver"
    BACKEND = "backend"

    @property
    def words(self) -> str:
        """Return the audience in words."""
        return {
            Audience.SENDER: "a client that sends",
            Audience.RECEIVER: "a client that reads",
            Audience.BACKEND: "a backend",
        }[self]


class Impact(StrEnum):
    """The impact of a change on one audience, worst first."""

    BREAKING = "breaking"
    EXHAUSTIVE = "exhaustive"
    GENERATED = "generated"
    UNDECIDED = "undecided"
    COMPATIBLE = "compatible"

    @property
    def meaning(self) -> str:
        """Return the meaning of the impact, in one sentence."""
        return {
            Impact.BREAKING: "What followed the old contract fails under the new one.",
            Impact.EXHAUSTIVE: "Only a client that handles nothing but the known values fails.",
            Impact.GENERATED: "Nothing changes on the wire; generated code gets another name.",
            Impact.UNDECIDED: "Neither a counterexample nor a proof of compatibility was found.",
            Impact.COMPATIBLE: "Everything that followed the old contract still works.",
        }[self]

    @property
    def rank(self) -> int:
        """Return 0 for the worst."""
        return list(Impact).index(self)


@dataclass(frozen=True, slots=True)
class Effect:
    """The impact of a change on one audience, and the evidence for the part that decides it."""

    impact: Impact
    level: Level = Level.DOCUMENTED


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the contract.

    `rule` names its kind. `where` is the element that changed, in words; `operations` are the
    operations that it affects. `before` and `after` are JSON pointers into the old and the new
    document (empty where the element is absent). `example` is a value or request that shows the
    difference. Audiences that are missing from `effects` are not affected.
    """

    rule: str
    where: str
    message: str
    operations: tuple[str, ...]
    before: str
    after: str
    effects: tuple[tuple[Audience, Effect], ...]
    example: str = ""

    def effect(self, audience: Audience) -> Effect:
        """Return the effect on an audience."""
        return dict(self.effects).get(audience, Effect(Impact.COMPATIBLE))

    @property
    def id(self) -> str:
        """Return the name by which a waiver finds the change: its rule and its place."""
        return f"{self.rule}@{self.before or self.after}"

    @property
    def impact(self) -> Impact:
        """Return the worst impact on a client; that on backends is reported apart."""
        return self.worst((Audience.SENDER, Audience.RECEIVER))

    def worst(self, audiences: Iterable[Audience], *, strict: bool = True) -> Impact:
        """Return the worst impact on the audiences, of weak evidence only if `strict`."""
        impacts = [
            effect.impact for effect in map(self.effect, audiences) if strict or effect.level.gates
        ]
        return min(impacts, key=lambda impact: impact.rank, default=Impact.COMPATIBLE)

    @property
    def level(self) -> Level:
        """Return the evidence behind the worst effect, the best founded where several are."""
        worst = min((effect.impact.rank for _, effect in self.effects), default=0)
        levels = [effect.level for _, effect in self.effects if effect.impact.rank == worst]
        return min(levels, key=list(Level).index, default=Level.DOCUMENTED)

    def to_json(self) -> dict[str, Any]:
        """Return the change as the JSON report has it."""
        return {
            "id": self.id,
            "rule": self.rule,
            "where": self.where,
            "message": self.message,
            "operations": list(self.operations),
            "before": self.before or None,
            "after": self.after or None,
            "example": self.example or None,
            "impact": self.impact.value,
            "level": self.level.value,
            "effects": {
                audience.value: {"impact": effect.impact.value, "level": effect.level.value}
                for audience, effect in self.effects
            },
        }
