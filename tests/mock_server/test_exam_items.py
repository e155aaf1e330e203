"""Each item of the exam has a client that passes it and one that fails it."""

from collections.abc import Iterator

import pytest
from client_mutants import MUTANTS
from examined import Examination, RunsClient, VirtualTime

from mock_server.exam.catalogue import catalogue
from mock_server.testing import MockWorld, serving


@pytest.fixture(scope="module")
def exam() -> Iterator[Examination]:
    """One world, in which the sittings follow each other."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        serving() as base_url,
        MockWorld(base_url, "test-exam") as world,
    ):
        yield Examination(world, VirtualTime(monkeypatch))


@pytest.mark.parametrize("item", catalogue())
def test_the_example_passes(exam: Examination, item: str) -> None:
    verdict = exam.verdict(item)
    assert verdict["outcome"] == "passed", verdict
    assert verdict["contract"] is None


@pytest.mark.parametrize(
    ("item", "mutant"), MUTANTS, ids=[f"{item}-{mutant.__name__}" for item, mutant in MUTANTS]
)
def test_a_mutant_fails(exam: Examination, item: str, mutant: type[RunsClient]) -> None:
    verdict = exam.verdict(item, mutant)
    assert verdict["outcome"] == "failed", verdict
    assert verdict["reason"]


def test_every_item_has_a_mutant() -> None:
    assert {item for item, _ in MUTANTS} == set(catalogue())
