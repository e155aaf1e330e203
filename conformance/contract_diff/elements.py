"""Turn differences between elements of two operations into changes with effects.

A schema change says which values are lost and gained. Who is affected follows from the direction:
of a request, lost values break clients that send them and gained ones backends that do not know
them; of a response, gained values break clients that read them and lost ones backends that still
send them. The evidence that counts is that of the part which decides: the new one for lost values,
the old one for gained values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conformance.contract.pointer import Path
from conformance.contract_diff.change import Audience, Change, Effect, Impact
from conformance.contract_diff.schema_change import Direction, SchemaChange
from conformance.contract_diff.surface import Surface
from conformance.vocabulary import Level

Impacts = Mapping[Audience, Impact]

SENDER = {Audience.SENDER: Impact.BREAKING}
RECEIVER = {Audience.RECEIVER: Impact.BREAKING}
EXHAUSTIVE = {Audience.RECEIVER: Impact.EXHAUSTIVE}
BACKEND = {Audience.BACKEND: Impact.BREAKING}
NONE: Impacts = {}


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes down changes of one operation, with the evidence of their places."""

    old: Surface
    new: Surface
    operation: str

    def change(
        self,
        rule: str,
        where: str,
        message: str,
        places: tuple[Path | None, Path | None],
        impacts: Impacts = NONE,
        example: str = "",
    ) -> Change:
        """Return a change that no set of values decides."""
        before, after = places
        old = self._level(self.old, before) if before else None
        new = self._level(self.new, after) if after else None
        levels = {
            Audience.SENDER: new or old,
            Audience.RECEIVER: old or new,
            Audience.BACKEND: old or new,
        }
        return Change(
            rule,
            where,
            message,
            (self.operation,),
            self.old.pointer(before) if before else "",
            self.new.pointer(after) if after else "",
            tuple(
                (each, Effect(impacts[each], levels[each] or Level.DOCUMENTED))
                for each in Audience
                if each in impacts
            ),
            example,
        )

    def schema_change(
        self, found: SchemaChange, prefix: str, where: str, direction: Direction
    ) -> Change:
        """Return the change with its effects in the direction."""
        lost = (_impact(found.lost), self._level(self.new, found.after) if found.after else None)
        gained_level = self._level(self.old, found.before) if found.before else None
        gained = (_impact(found.gained), gained_level)
        if direction is Direction.REQUEST:
            client, effects = Audience.SENDER, {Audience.SENDER: lost, Audience.BACKEND: gained}
        else:
            client, effects = Audience.RECEIVER, {Audience.RECEIVER: gained, Audience.BACKEND: lost}
            if found.exhaustive and found.gained:
                effects[client] = (Impact.EXHAUSTIVE, gained_level)
        for audience, impact in found.fixed.items():
            if audience in (client, Audience.BACKEND):
                effects[audience] = (impact, None)
        other = self._level(self.old, found.before) if found.before else Level.DOCUMENTED
        if not found.before:
            other = self._level(self.new, found.after)
        at = f" {found.at}" if found.at else ""
        return Change(
            f"{prefix}-{found.kind}",
            f"{where}{at}",
            found.message,
            (self.operation,),
            self.old.pointer(found.before) if found.before else "",
            self.new.pointer(found.after) if found.after else "",
            tuple(
                (audience, Effect(impact, level or other))
                for audience, (impact, level) in effects.items()
                if impact is not Impact.COMPATIBLE
            ),
            found.example,
        )

    @staticmethod
    def _level(surface: Surface, place: Path | None) -> Level:
        """Return the evidence of a place; a place that no mark covers is documented."""
        if place is None:
            return Level.DOCUMENTED
        try:
            return surface.contract.level_of(surface.pointer(place))
        except LookupError:
            return Level.DOCUMENTED


def _impact(changed: bool | None) -> Impact:
    if changed is None:
        return Impact.UNDECIDED
    return Impact.BREAKING if changed else Impact.COMPATIBLE
