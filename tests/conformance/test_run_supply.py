"""Which run a case of Schemathesis gets: one on which its operation may succeed, with a history
where there is one."""

import pytest

from conformance.fuzz.run_supply import RunSupply, ids_in_page
from conformance.vocabulary import Operation

CANCEL, RETRY, GET = Operation.CANCEL, Operation.RETRY, Operation.GET
POOLS = {CANCEL: ["c1", "c2"], RETRY: ["r1", "r2"], GET: ["done"]}


def supply(*, histories: bool = True) -> RunSupply:
    return RunSupply(
        {operation.value: runs for operation, runs in POOLS.items()}, histories=histories
    )


def test_a_run_is_cancelled_and_retried_by_turns() -> None:
    """So each operation soon succeeds on a run with a history."""
    runs = supply()
    for _ in range(3):
        assert runs.next(CANCEL, valid=True) == "c1"
        runs.note(CANCEL, "c1", 200)
        assert runs.next(RETRY, valid=True) == "c1"
        runs.note(RETRY, "c1", 202)


def test_an_unused_run_follows_one_that_came_to_its_end() -> None:
    """It rejects both operations."""
    runs = supply()
    runs.note(CANCEL, "c1", 200)
    runs.note(RETRY, "c1", 200)
    runs.note(CANCEL, "c1", 409)
    assert runs.next(RETRY, valid=True) == "c1"
    runs.note(RETRY, "c1", 409)
    assert (runs.next(CANCEL, valid=True), runs.next(RETRY, valid=True)) == ("c2", "r1")


def test_a_run_that_rejects_one_operation_suits_the_other() -> None:
    """It ended by itself, or began again."""
    runs = supply()
    runs.note(RETRY, "r1", 409)
    assert runs.next(CANCEL, valid=True) == "r1"
    runs.note(CANCEL, "r1", 200)
    runs.note(RETRY, "r1", 409)
    assert runs.next(CANCEL, valid=True) == "r1"


def test_a_valid_case_may_be_rejected_with_400() -> None:
    """Where a service does not retry a cancelled run, others must have their turn; an invalid case
    says nothing of the run."""
    runs = supply()
    runs.note(CANCEL, "c1", 200)
    runs.note(RETRY, "c1", 400)
    assert runs.next(RETRY, valid=True) == "c1"
    runs.note(RETRY, "c1", 400, valid=True)
    assert runs.next(RETRY, valid=True) == "r1"
    assert runs.next(CANCEL, valid=True) == "c1"
    runs.note(CANCEL, "c1", 200)
    assert runs.next(RETRY, valid=True) == "r1"
    assert runs.next(CANCEL, valid=True) == "c2"
    runs.note(RETRY, "r1", 200)
    runs.note(RETRY, "r2", 200)
    assert runs.next(RETRY, valid=True) == "c1"


def test_a_run_that_is_not_found_yet_is_tried_again_later() -> None:
    """A retry may make a run that can be read after a while; the others have their turn."""
    runs = supply()
    runs.note(RETRY, "new", 202, valid=True)
    assert runs.next(CANCEL, valid=True) == "new"
    runs.note(CANCEL, "new", 404)
    assert runs.next(CANCEL, valid=True) == "new"
    runs.note(CANCEL, "new", 404, valid=True)
    assert [runs.next(CANCEL, valid=True), runs.next(CANCEL, valid=False)] == ["c1", "new"]
    runs.note(CANCEL, "c1", 409, valid=True)
    runs.note(CANCEL, "c2", 409, valid=True)
    assert runs.next(CANCEL, valid=True) == "new"


def test_a_run_is_left_when_all_came_to_their_end() -> None:
    """A case always gets one."""
    runs = supply()
    for run_id in ("c1", "c2", "r1", "r2"):
        runs.note(CANCEL, run_id, 409)
        runs.note(RETRY, run_id, 409)
    assert runs.runs == {"done"}
    assert {runs.next(CANCEL, valid=True), runs.next(RETRY, valid=False)} <= {
        "c1",
        "c2",
        "r1",
        "r2",
    }


def test_an_invalid_case_gets_the_last_run() -> None:
    """Should it be accepted by mistake, the run that comes next is still as it was."""
    runs = supply()
    assert (runs.next(CANCEL, valid=False), runs.next(RETRY, valid=False)) == ("c2", "r2")
    runs.note(CANCEL, "c2", 422)
    runs.note(CANCEL, "c2", 500)
    assert runs.runs == {"c1", "c2", "r1", "r2", "done"}


def test_a_read_finds_what_was_changed() -> None:
    """By turns with the run that never changes."""
    runs = supply()
    assert runs.next(GET, valid=True) == "done"
    runs.note(CANCEL, "c1", 200)
    assert [runs.next(GET, valid=True) for _ in range(2)] == ["c1", "done"]


def test_outside_sequences_a_run_is_used_once() -> None:
    """Few cases have to succeed there, and a service may reject what has a history."""
    runs = supply(histories=False)
    runs.note(CANCEL, "c1", 200)
    runs.note(RETRY, "r1", 409)
    assert (runs.next(CANCEL, valid=True), runs.next(RETRY, valid=True)) == ("c2", "r2")
    assert runs.next(GET, valid=True) == "done"
    runs.note(CANCEL, "c2", 200)
    assert runs.next(CANCEL, valid=True) == "c2"


def test_an_operation_that_is_not_tested_has_no_runs() -> None:
    """A phase may have one of the two alone."""
    runs = RunSupply({CANCEL.value: ["c1", "c2"]}, histories=True)
    runs.note(CANCEL, "c1", 200)
    assert runs.next(CANCEL, valid=True) == "c2"
    assert runs.runs == {"c2"}


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (b'{"items": [{"id": "a"}, {"id": 7}, {"id": "b"}], "total": 3}', {"a", "b"}),
        (b'{"items": null}', set()),
        (b'{"items": ["a"]}', set()),
        (b"[]", set()),
        (b"[" * 100_000, set()),
        (b"\xff", set()),
    ],
)
def test_the_runs_of_a_page_are_known(content: bytes, ids: set[str]) -> None:
    """Whatever is sent as a page."""
    assert ids_in_page(content) == ids
