"""Few combinations that hold every pair of choices, and the choices to blame where one fails."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import combinations

Choice = tuple[str, str]
"""A parameter and one of its values."""
Pair = tuple[Choice, Choice]
Parameters = Mapping[str, Sequence[str]]
"""The values of each parameter by its name."""

_CANDIDATES = 10
"""How many rows are drawn for each that is taken; more take longer and save no row."""


def pairs_in(row: Mapping[str, str]) -> set[Pair]:
    """Return every two choices that meet in the row."""
    return set(combinations(sorted(row.items()), 2))


def all_pairs(parameters: Parameters) -> set[Pair]:
    """Return every two choices of different parameters."""
    choices = sorted((name, value) for name, values in parameters.items() for value in values)
    return {(one, other) for one, other in combinations(choices, 2) if one[0] != other[0]}


def covering_rows(
    parameters: Parameters, given: Iterable[Mapping[str, str]] = ()
) -> list[dict[str, str]]:
    """Return rows that, together with the given ones, hold every pair; the same rows each time."""
    missing = all_pairs(parameters).difference(*map(pairs_in, given))
    chance = random.Random(1)
    rows = []
    while missing:
        drawn = (_draw(parameters, missing, chance) for _ in range(_CANDIDATES))
        rows.append(max(drawn, key=lambda row: len(pairs_in(row) & missing)))
        missing -= pairs_in(rows[-1])
    return rows


def _draw(parameters: Parameters, missing: set[Pair], chance: random.Random) -> dict[str, str]:
    """Return a row that begins with a missing pair; each further value is the one that adds the
    most missing pairs to it."""
    row = dict(chance.choice(sorted(missing)))
    rest = [name for name in parameters if name not in row]
    for name in chance.sample(rest, len(rest)):
        values = parameters[name]

        def added(value: str, name: str = name) -> int:
            pairs = (tuple(sorted(((name, value), other))) for other in row.items())
            return sum(pair in missing for pair in pairs)

        row[name] = max(chance.sample(values, len(values)), key=added)
    return {name: row[name] for name in parameters}


def to_blame(
    choices: Collection[Choice], fails: Callable[[Collection[Choice]], bool]
) -> list[Choice]:
    """Return the single choice that `fails` alone; where each passes alone, choices that fail
    together and of which none can be left out."""
    for choice in choices:
        if fails([choice]):
            return [choice]
    left = list(choices)
    for choice in choices:
        fewer = [other for other in left if other != choice]
        if fails(fewer):
            left = fewer
    return left
