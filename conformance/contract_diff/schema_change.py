"""Define one change inside a schema, and which way the value travels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from conformance.contract.pointer import Path
from conformance.contract_diff.change import Audience, Impact
from conformance.contract_diff.value_relation import Relation


class Direction(StrEnum):
    """Which way a value travels: requests are sent by clients, responses by backends."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One change inside a schema: which values are lost and gained, in the sense of `Relation`.

    `at` is the place within the value (`items[].status`). `before` and `after` lead to the keyword
    in the old and the new document. `exhaustive` marks gained values that break only receivers that
    handle the known ones alone. `fixed` holds impacts that no set of values decides.
    """

    kind: str
    at: str
    message: str
    before: Path | None
    after: Path | None
    lost: bool | None = False
    gained: bool | None = False
    example: str = ""
    exhaustive: bool = False
    fixed: Mapping[Audience, Impact] = field(default_factory=dict)

    @property
    def decided(self) -> bool:
        """Return whether the sets of values are proven to be the same."""
        return self.lost is False and self.gained is False


def by_relation(
    direction: Direction,
    kind: str,
    at: str,
    message: str,
    places: tuple[Path | None, Path | None],
    relation: Relation,
) -> SchemaChange:
    """Return the change that a relation makes, with the example that breaks a client first."""
    examples = [relation.lost_example, relation.gained_example]
    if direction is Direction.RESPONSE:
        examples.reverse()
    example = examples[0] or examples[1]
    return SchemaChange(kind, at, message, *places, relation.lost, relation.gained, example)
