"""Readings of a list that changes all the time are compared by the runs that have not changed."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.checks.support.repeated_pages import check_unchanged_runs_read_the_same
from conformance.errors import CheckFailed, Inconclusive
from conformance.harness.context import CheckContext
from conformance.vocabulary import Untested


def run(name: str, version: int = 1, **more: Any) -> dict[str, Any]:
    """A run of this version."""
    return {
        "id": name,
        "updatedAt": f"2026-01-01T00:00:{version:02}Z",
        "status": "completed",
    } | more


OWN = [run("a"), run("b"), run("c"), run("d")]


def check(*pages: Iterable[dict[str, Any]]) -> None:
    """Compare these readings; the last one repeats."""
    left = [list(page) for page in pages]
    page = lambda **query: {"items": left.pop(0) if len(left) > 1 else left[0]}  # noqa: E731
    check_unchanged_runs_read_the_same(cast("CheckContext", SimpleNamespace(page=page)))


def test_runs_of_others_come_and_change() -> None:
    check(OWN, [run("x"), *OWN], [run("y"), run("x", 2), *OWN[:3]], [run("z"), *OWN[:2], run("c")])


def test_a_list_without_runs_reads_the_same() -> None:
    check([], [run("x")])


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ([OWN[1], OWN[0], *OWN[2:]], "reading 3 of the list shows runs in another order"),
        (
            [*OWN[:3], run("d", error="late")],
            "reading 3 of the list shows the run d in another way",
        ),
    ],
)
def test_what_has_not_changed_reads_the_same(other: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(CheckFailed, match=why):
        check(OWN, OWN, [run("x"), *other])


def test_readings_that_share_nothing_decide_nothing() -> None:
    with pytest.raises(Inconclusive) as caught:
        check(OWN, [run("x"), run("y")])
    assert caught.value.reason is Untested.UNSTABLE
