"""The combinations that stand for all: no pair is missing, and a failure is explained by the fewest
choices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product

import pytest
from pairwise import Choice, all_pairs, covering_rows, pairs_in, to_blame

PARAMETERS = {f"P{n}": [f"v{value}" for value in range(2 + n % 2)] for n in range(8)}


@pytest.mark.parametrize("given", [[], [dict.fromkeys(PARAMETERS, "v0")]])
def test_every_pair_is_covered(given: Sequence[Mapping[str, str]]) -> None:
    """By complete rows, as counted by a search of its own."""
    rows = covering_rows(PARAMETERS, given)
    assert all(list(row) == list(PARAMETERS) for row in rows)
    for (one, values), (other, others) in product(PARAMETERS.items(), repeat=2):
        for value, another in product(values, others) if one < other else ():
            holding = [r for r in [*given, *rows] if (r[one], r[other]) == (value, another)]
            assert holding, (one, value, other, another)


def test_a_pair_that_is_not_covered_is_noticed() -> None:
    """Pairs have no order, and a row that lacks one is not taken for another."""
    assert len(all_pairs({"A": ["1", "2"], "B": ["1", "2", "3"]})) == 6
    row = {"B": "1", "A": "2"}
    assert pairs_in(row) == {(("A", "2"), ("B", "1"))}
    assert covering_rows({"A": ["2"], "B": ["1"]}, [row]) == []
    assert covering_rows({"A": ["2"], "B": ["1"]}) == [{"A": "2", "B": "1"}]


def test_the_rows_are_few_and_the_same_each_time() -> None:
    """All combinations would be 1296; no fewer than nine rows can hold the pairs of two parameters
    with three values each."""
    rows = covering_rows(PARAMETERS)
    assert rows == covering_rows(PARAMETERS)
    assert 9 <= len(rows) <= 16
    assert not any(row == other for n, row in enumerate(rows) for other in rows[:n])


@pytest.mark.parametrize(
    "guilty",
    [[("A", "1")], [("A", "1"), ("C", "3")], [("A", "1"), ("B", "2"), ("C", "3"), ("D", "4")]],
)
def test_what_is_to_blame_is_named(guilty: list[Choice]) -> None:
    """One choice where one is enough, and no choice that does not matter."""
    choices = [("A", "1"), ("B", "2"), ("C", "3"), ("D", "4")]

    def fails(some: Collection[Choice]) -> bool:
        return set(guilty) <= set(some)

    assert to_blame(choices, fails) == guilty
