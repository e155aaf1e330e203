"""Two faults at once hide neither: mutants are combined, and each is still named."""

from __future__ import annotations

from hashlib import sha256

import pytest
from mutating_proxy import Mutant
from support import MUTANTS, SLOW, Judge

from conformance.vocabulary import Verdict

SEED = 1
COUNT = 12
CAUGHT = (Verdict.VIOLATION, Verdict.DEVIATION)
Pair = tuple[Mutant, Mutant]


def chosen(seed: int, count: int) -> list[Pair]:
    """Return as many pairs, the same ones for a seed, of mutants that break nothing in common and
    need no options that contradict each other. No mutant is in two of them."""
    quick = [m for m in MUTANTS if not {SLOW, "MODEL-01"} & set(m.requirements)]
    left = sorted(quick, key=lambda m: sha256(f"{seed} {m.name}".encode()).digest())
    found: list[Pair] = []
    while len(found) < count:
        one = left.pop(0)
        other = next((each for each in left if compatible(one, each)), None)
        if other is not None:
            left.remove(other)
            found.append((one, other))
    return found


def compatible(one: Mutant, other: Mutant) -> bool:
    """Return whether both can be tested at once, without generated requests."""
    shared = set(one.given) & set(other.given)
    names = {*one.requirements, *other.requirements}
    return (
        all(one.given[name] == other.given[name] for name in shared)
        and "provision" not in one.given | other.given
        and len(names) == len(one.requirements) + len(other.requirements)
        and not any(name.startswith("FUZZ") for name in names)
    )


@pytest.mark.extended
@pytest.mark.parametrize(
    "pair", [pytest.param(p, id=f"{p[0].name}+{p[1].name}") for p in chosen(SEED, COUNT)]
)
def test_both_of_two_mutants_are_named(pair: Pair, proxy: str, judge: Judge) -> None:
    """By one of its requirements each, whichever is in front of the other."""
    one, other = pair
    options = one.given | other.given
    name = f"{one.name}+{other.name}"
    world = f"test-pair-{sha256(name.encode()).hexdigest()[:12]}"
    options[options.pop("by", "token")] = world
    report = judge(f"{proxy}/{name}", *one.requirements, *other.requirements, **options)
    found = {entry.requirement.id for entry in report.entries if entry.verdict in CAUGHT}
    for mutant in pair:
        assert found & set(mutant.requirements), (mutant.name, found)


def test_the_choice_of_pairs_is_repeatable() -> None:
    """For a seed the same, for another seed another one, and each mutant once."""
    pairs = chosen(SEED, COUNT)
    assert pairs == chosen(SEED, COUNT)
    assert pairs != chosen(SEED + 1, COUNT)
    assert len({mutant.name for pair in pairs for mutant in pair}) == 2 * COUNT
