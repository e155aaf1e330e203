"""Every kind of change gets the right verdict, for each side of the wire."""

from pathlib import Path
from typing import Any

import pytest
import small_contracts

from conformance.contract_diff.change import Audience, Impact

CORPUS = small_contracts.corpus()


@pytest.mark.parametrize("row", CORPUS, ids=[row["name"] for row in CORPUS])
def test_a_kind_of_change_is_judged(row: dict[str, Any], tmp_path: Path) -> None:
    """The rules that apply, the worst impact on each audience, and an example that proves it."""
    found = small_contracts.difference(tmp_path, row["in"], row["old"], row["new"]).changes
    assert sorted(change.rule for change in found) == sorted(row["rules"])
    worst = {
        audience: min((change.effect(audience).impact for change in found), key=lambda i: i.rank)
        if found
        else Impact.COMPATIBLE
        for audience in Audience
    }
    assert worst == {each: Impact(row.get(each.value, "compatible")) for each in Audience}
    if "example" in row:
        assert row["example"] in {change.example for change in found}


def test_the_corpus_is_large_and_without_repetition() -> None:
    """At least eighty kinds of change, each with a name of its own."""
    assert len({row["name"] for row in CORPUS}) == len(CORPUS) >= 80


@pytest.mark.parametrize("row", CORPUS, ids=[row["name"] for row in CORPUS])
def test_the_way_back_is_judged_the_other_way_round(row: dict[str, Any], tmp_path: Path) -> None:
    """What is lost one way is gained the other: nothing changes there that does not change here."""
    there = small_contracts.difference(tmp_path, row["in"], row["old"], row["new"]).changes
    back = small_contracts.difference(tmp_path, row["in"], row["new"], row["old"]).changes
    assert bool(there) == bool(back)
    same = small_contracts.difference(tmp_path, row["in"], row["new"], row["new"]).changes
    assert same == ()
