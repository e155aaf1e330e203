"""The budget is divided: the checks by hand leave the generated tests and the model their shares,
and these leave theirs to what follows."""

from __future__ import annotations

from conformance.harness.context import CheckContext
from conformance.harness.markers import CheckInfo
from conformance.runner.budget import Budget, position

HAND = CheckInfo("LIST-01")
FUZZ = CheckInfo("FUZZ-EXAMPLES-LIST", shares="fuzz")
MODEL = CheckInfo("MODEL-01")
EARLY = CheckInfo("EVENTS-11", early=CheckContext.idle_stream)


def test_no_part_takes_the_share_of_a_later_one() -> None:
    budget = Budget(100, [HAND, FUZZ, MODEL, EARLY])
    assert budget.begin(HAND, 100) == 60
    assert budget.begin(HAND, 41) == 1
    assert budget.begin(HAND, 39) < 0
    assert budget.begin(FUZZ, 39) == 19
    assert budget.begin(MODEL, 20) == 15
    assert budget.begin(EARLY, 5) == 5


def test_what_is_not_selected_keeps_nothing() -> None:
    assert Budget(100, [HAND]).begin(HAND, 100) == 100
    assert Budget(100, [FUZZ, FUZZ]).begin(FUZZ, 100) == 100
    assert Budget().begin(HAND, 10) == 10


def test_cheap_and_broad_comes_first() -> None:
    assert sorted([EARLY, MODEL, FUZZ, HAND], key=position) == [HAND, FUZZ, MODEL, EARLY]


def test_generated_tests_may_use_their_share() -> None:
    """A slow machine needs more for them than an ordinary check may take."""
    budget = Budget(1000, [HAND, FUZZ])
    assert budget.share(HAND, 180) == 180
    assert budget.share(FUZZ, 180) == 200
    budget.begin(FUZZ, 500)
    assert budget.share(FUZZ, 180) == 200
